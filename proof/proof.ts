import { EXIT } from '../src/commands/command-failure.js';
import { Interruption } from '../src/commands/interruption.js';
import { readOptions, USAGE, type ProofOptions } from './options.js';
import { runProof } from './run-proof.js';
import { serveVariant } from './variants/naive-server.js';
import type { VariantName } from './variants/variants.js';
import { holds, toDocument, toText } from './report.js';

/** Proves, under faults, that what was acknowledged is counted and billed once. */
export async function main(args: readonly string[]): Promise<void> {
  if (args[0] === 'serve-variant') return serveVariant(args[1] as VariantName);
  const options = optionsOf(args);
  using interruption = new Interruption();
  const abort = new AbortController();
  interruption.onAsked(() => abort.abort());
  try {
    const startedAt = performance.now();
    const tell = (line: string): void => {
      if (options.json) return;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      process.stdout.write(`${seconds.padStart(6)} s  ${line}\n`);
    };
    const result = await runProof(options, abort.signal, tell);
    process.stdout.write(
      options.json ? `${JSON.stringify(toDocument(result))}\n` : `${toText(result)}\n`,
    );
    if (!holds(result)) process.exitCode = EXIT.failed;
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    process.stderr.write('Stopped.\n');
    process.exitCode = EXIT.interrupted;
  }
}

function optionsOf(args: readonly string[]): ProofOptions {
  try {
    return readOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return process.exit(EXIT.wrongUsage);
  }
}
