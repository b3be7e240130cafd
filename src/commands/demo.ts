import type { Command } from 'commander';
import { CommandFailure, EXIT } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { differences, toDocument, toText } from './demo/demo-result.js';
import { DemoStory } from './demo/demo-story.js';
import { Rig } from './demo/rig.js';
import { Interruption } from './interruption.js';

interface Options extends JsonOption {
  readonly keep?: true;
}

export function demoCommand(): Command {
  return command(
    'demo',
    'Run the whole way once, in a temporary folder: a server on the embedded PostgreSQL, a ' +
      'simulated Stripe, a client; copies, conflicts, lost answers, kills, a close and the pushes. ' +
      'Then compare, for each customer and meter, what was sent with what Stripe would bill. ' +
      'Exit code 1 if anything differs. Takes about a minute.',
    ['demo', 'demo --keep --json'],
  )
    .option('--keep', 'leave the folder with data and logs behind, and say where it is')
    .action(async (options: Options) => {
      using interruption = new Interruption();
      const abort = new AbortController();
      interruption.onAsked(() => abort.abort());
      try {
        await runDemo(options, abort.signal);
      } catch (error) {
        if (!abort.signal.aborted) throw error;
        throw new CommandFailure('Stopped.', 'interrupted', { exitCode: EXIT.interrupted });
      }
    });
}

async function runDemo(options: Options, signal: AbortSignal): Promise<void> {
  const startedAt = Date.now();
  const seconds = (): number => (Date.now() - startedAt) / 1_000;
  const tell = (line: string): void => {
    if (options.json !== true) {
      process.stdout.write(`${seconds().toFixed(1).padStart(5)} s  ${line}\n`);
    }
  };
  await using rig = await Rig.build(options.keep === true, signal);
  if (options.keep === true) tell(`data and logs stay in ${rig.folder}`);
  await rig.startServer();
  tell(`server on an embedded PostgreSQL, beside a simulated Stripe`);
  const story = new DemoStory(rig, signal, tell);
  await story.prepare();
  await story.send();
  await story.close();
  const statements = await story.push();
  const incidents = await story.incidents();
  const places = await story.reckon(statements);
  const document = toDocument(places, story.tally, incidents, seconds());
  print(
    options,
    options.keep === true ? { ...document, folder: rig.folder } : document,
    toText(places, seconds()),
  );
  if (differences(places).length > 0) process.exitCode = EXIT.failed;
}
