import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '../src/commands/command-failure.js';
import { Interruption } from '../src/commands/interruption.js';
import { BENCHMARKS } from './registry.js';
import type { Benchmark, Figure } from './rig/benchmark.js';
import { BenchPostgres } from './rig/bench-postgres.js';
import { Load } from './rig/load.js';
import { describeMachine, type Machine } from './rig/machine.js';
import { readOptions, USAGE, type BenchOptions } from './rig/options.js';
import { aligned, boundOf, jsonOf, machineLines, tableOf } from './rig/report.js';
import { Rig } from './rig/rig.js';

class Interrupted extends Error {}

export async function main(args: readonly string[]): Promise<void> {
  let options: BenchOptions;
  try {
    options = readOptions(
      args,
      BENCHMARKS.map(({ name }) => name),
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(EXIT.wrongUsage);
  }
  if (options.list) {
    process.stdout.write(`${list().join('\n')}\n`);
    return;
  }
  try {
    process.exitCode = (await runAll(options)) ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    say('interrupted');
    // What was under way has nothing left to work on, and does not end by itself.
    process.exit(EXIT.interrupted);
  }
}

/** @returns Whether all of them could be measured, and counted right. */
async function runAll(options: BenchOptions): Promise<boolean> {
  const chosen = BENCHMARKS.filter(({ name }) => options.only?.includes(name) ?? true);
  const folder = await mkdtemp(join(tmpdir(), 'countonce-bench-'));
  using interruption = new Interruption();
  const interrupted = new Promise<never>((_, reject) => {
    interruption.onAsked(() => reject(new Interrupted()));
  });
  interrupted.catch(() => undefined);
  try {
    await using postgres = await BenchPostgres.start(join(folder, 'data'), options.commitMs);
    await using load = new Load();
    const machine = await describeMachine(postgres, folder, options.commitMs);
    process.stderr.write(`${machineLines(machine)}\n`);
    const figures: Figure[] = [];
    let failures = 0;
    for (const benchmark of chosen) {
      const rig = new Rig(options, folder, postgres, load, (text) =>
        say(`${benchmark.name}: ${text}`),
      );
      try {
        figures.push(...(await Promise.race([benchmark.run(rig), interrupted])));
      } catch (error) {
        if (error instanceof Interrupted) throw error;
        failures++;
        say(
          `${benchmark.name} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
        );
      }
    }
    await tell(options, figures, machine);
    return failures === 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tell(
  options: BenchOptions,
  figures: readonly Figure[],
  machine: Machine,
): Promise<void> {
  if (options.json !== '-') {
    process.stdout.write(`\n${machineLines(machine)}\n\n${tableOf(figures)}\n`);
  }
  if (options.json === '-') process.stdout.write(jsonOf(figures, machine));
  else if (options.json !== undefined) await writeFile(options.json, jsonOf(figures, machine));
}

function list(): string[] {
  const row = ({ name, unit, toReach, what, reference }: Benchmark): string[] => [
    name,
    unit,
    boundOf(toReach),
    `${what}; against ${reference}`,
  ];
  return aligned([['benchmark', 'unit', 'ratio', 'what'], ...BENCHMARKS.map(row)], 4);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
