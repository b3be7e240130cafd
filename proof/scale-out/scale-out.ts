import { CommandFailure, EXIT } from '../../src/commands/command-failure.js';
import { Interruption } from '../../src/commands/interruption.js';
import { holds } from '../report.js';
import { readOptions, USAGE, type ScaleOutOptions } from './options.js';
import { toDocument, toText } from './report.js';
import { runScaleOut } from './run-scale-out.js';

/** Shows that any number of processes count as one: four APIs and two workers, of which two are killed. */
export async function main(args: readonly string[]): Promise<void> {
  const options = optionsOf(args);
  using interruption = new Interruption();
  const abort = new AbortController();
  interruption.onAsked(() => abort.abort());
  try {
    const startedAt = performance.now();
    const result = await runScaleOut(options, abort.signal, (line) => {
      if (options.json) return;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      process.stdout.write(`${seconds.padStart(6)} s  ${line}\n`);
    });
    const isHeld = holds(result);
    const text = options.json ? JSON.stringify(toDocument(result, isHeld)) : toText(result, isHeld);
    process.stdout.write(`${text}\n`);
    if (!isHeld) process.exitCode = EXIT.failed;
  } catch (error) {
    if (abort.signal.aborted) {
      process.stderr.write('Stopped.\n');
      process.exitCode = EXIT.interrupted;
    } else if (error instanceof CommandFailure) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error.exitCode;
    } else throw error;
  }
}

function optionsOf(args: readonly string[]): ScaleOutOptions {
  try {
    return readOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return process.exit(EXIT.wrongUsage);
  }
}
