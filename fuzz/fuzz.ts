import { EXIT } from '../src/commands/command-failure.js';
import { Interruption } from '../src/commands/interruption.js';
import { readOptions, USAGE, type FuzzOptions } from './options.js';
import { toDocument, toText } from './report.js';
import { Rig } from './rig.js';
import { runFuzz } from './run-fuzz.js';
import { holds } from './tally.js';

/** Asks the service a hundred thousand things that it has to bear, and holds what it answers. */
export async function main(args: readonly string[]): Promise<void> {
  const options = optionsOf(args);
  using interruption = new Interruption();
  const abort = new AbortController();
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  // The second Ctrl-C ends it at once; after the first it says what it has.
  interruption.onAsked(() => abort.abort());
  await using rig = await Rig.build(options, abort.signal);
  if (options.keep) tell(`logs and data stay in ${rig.folder}`);
  const result = await runFuzz(rig, options, { tell, isStopped: () => interruption.isAsked });
  process.stdout.write(
    options.json ? `${JSON.stringify(toDocument(result))}\n` : `${toText(result)}\n`,
  );
  if (!holds(result)) process.exitCode = EXIT.failed;
}

function optionsOf(args: readonly string[]): FuzzOptions {
  try {
    return readOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return process.exit(EXIT.wrongUsage);
  }
}
