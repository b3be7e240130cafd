import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Figures } from './figures.js';
import { serveHistories } from './history-process.js';
import { HistoryProcesses } from './history-processes.js';
import type { HistoryResult } from './storm-history.js';
import { openStormServer } from './storm-server.js';

const USAGE = `usage: npm run storm -- [--seeds N] [--seed S] [--json] [--processes P]
  --seeds N      plays N histories (default 20), of the seeds S, S + 1, ...
  --seed S       plays the history of this seed, or begins with it
  --json         prints one JSON object at the end
  --processes P  plays so many histories at once (default: one more than cores, three at most)
`;

/** Plays seeded histories of pushing against PostgreSQL and the Stripe simulator, and checks each. */
export async function main(args: readonly string[]): Promise<void> {
  if (args[0] === 'serve-histories') return serveHistories();
  const options = read(args);
  const figures = new Figures();
  const failed: HistoryResult[] = [];
  const startedAt = performance.now();
  let played = 0;
  await using server = await openStormServer();
  const processes = new HistoryProcesses(server, options.processes);
  const stop = (): void => processes.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  await processes.play(options.seeds, (result) => {
    played += 1;
    figures.addAll(result.figures);
    if (result.findings.length > 0) failed.push(result);
    if (!options.json) tell(result, played, options.seeds.length);
  });
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  if (options.json) {
    const failures = failed.map(({ seed, findings, trace }) => ({ seed, findings, trace }));
    process.stdout.write(`${JSON.stringify({ played, seconds, failures, figures })}\n`);
  } else summarize({ played, seconds, failed, figures });
  if (failed.length > 0 || played < options.seeds.length) process.exitCode = 1;
}

interface Options {
  readonly seeds: readonly number[];
  readonly json: boolean;
  readonly processes: number;
}

function read(args: readonly string[]): Options {
  const number = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { seeds: number, seed: number, processes: number, json: { type: 'boolean' } },
  });
  const first = Number(values.seed ?? 1);
  const count = Number(values.seeds ?? (values.seed === undefined ? 20 : 1));
  const processes = Number(values.processes ?? Math.min(3, availableParallelism() + 1));
  if (![first, count, processes].every((given) => Number.isInteger(given) && given > 0)) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  return { seeds, json: values.json ?? false, processes: Math.min(processes, count) };
}

function tell({ seed, findings, trace }: HistoryResult, played: number, of: number): void {
  const isAlone = of === 1;
  if (isAlone) process.stdout.write(`${trace.join('\n')}\n`);
  if (findings.length > 0) {
    if (!isAlone) process.stdout.write(`\nseed ${seed}:\n${trace.join('\n')}\n`);
    process.stdout.write(
      `\nseed ${seed} FAILED:\n${findings.map((what) => `  ${what}\n`).join('')}`,
    );
    process.stdout.write(`  again alone: npm run storm -- --seed ${seed}\n\n`);
  }
  if (process.stdout.isTTY) process.stdout.write(`\r${played} of ${of} histories`);
  else if (played % 20 === 0 || played === of)
    process.stdout.write(`${played} of ${of} histories\n`);
}

function summarize(end: {
  played: number;
  seconds: number;
  failed: readonly HistoryResult[];
  figures: Figures;
}): void {
  const { played, seconds, failed, figures } = end;
  process.stdout.write('\n');
  for (const [name, count] of Object.entries(figures.toJSON())) {
    process.stdout.write(`${String(count).padStart(9)}  ${name}\n`);
  }
  const seeds = failed.map(({ seed }) => seed).join(', ');
  process.stdout.write(
    `\n${played} histories in ${seconds} s, ${failed.length} failed${seeds === '' ? '' : `: ${seeds}`}\n`,
  );
}
