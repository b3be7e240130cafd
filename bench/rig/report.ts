import { isReached, type Figure, type ToReach } from './benchmark.js';
import type { Machine } from './machine.js';

const COLUMNS = [
  'benchmark',
  'unit',
  'value',
  'reference',
  'ratio',
  'to reach',
  '',
  'p50 ms',
  'p95 ms',
  'p99 ms',
];

/** For people. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, unit, value, reference, ratio, toReach, latency } = figure;
    const numbers = [value, reference, ratio].map(String);
    const reached = isReached(figure) ? 'yes' : 'no';
    const percentiles = [latency.p50Ms, latency.p95Ms, latency.p99Ms].map(String);
    return [name, unit, ...numbers, boundOf(toReach), reached, ...percentiles];
  });
  return [...aligned([COLUMNS, ...rows]), '', ...figures.flatMap(processLines)].join('\n');
}

export function machineLines(machine: Machine): string {
  return [
    `commit ${machine.commit}, ${machine.begun_at}`,
    `${machine.cores} x ${machine.cpu}, ${machine.memory_gib} GiB, Linux ${machine.kernel}, load ${machine.load_average}`,
    `Node ${machine.node}, PostgreSQL ${machine.postgres}, fsync ${machine.fsync}, ` +
      `synchronous_commit ${machine.synchronous_commit}`,
    `a flush takes ${machine.flush_p50_ms} ms (p99 ${machine.flush_p99_ms} ms), ` +
      `a commit ${machine.commit_p50_ms} ms` +
      (machine.commit_ms_added > 0 ? `, with ${machine.commit_ms_added} ms added to each` : '') +
      (machine.data_in_memory ? '; the data are in memory (tmpfs): set TMPDIR to a disk' : ''),
  ].join('\n');
}

/** For programs. */
export function jsonOf(figures: readonly Figure[], machine: Machine): string {
  const rows = figures.map((figure) => ({
    name: figure.name,
    unit: figure.unit,
    value: figure.value,
    reference: figure.reference,
    ratio: figure.ratio,
    to_reach: boundOf(figure.toReach),
    reached: isReached(figure),
    p50_ms: figure.latency.p50Ms,
    p95_ms: figure.latency.p95Ms,
    p99_ms: figure.latency.p99Ms,
    rss_mb: figure.processes['api']?.rssMb ?? null,
    processes: Object.fromEntries(
      Object.entries(figure.processes).map(([name, { cores, rssMb }]) => [
        name,
        { cores, rss_mb: rssMb },
      ]),
    ),
    rounds: figure.rounds,
    notes: figure.notes ?? {},
    machine,
  }));
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}

export function boundOf(toReach: ToReach): string {
  return 'atLeast' in toReach ? `>= ${toReach.atLeast}` : `<= ${toReach.atMost}`;
}

function processLines({ name, processes, notes = {} }: Figure): string[] {
  const used = Object.entries(processes).map(
    ([process, { cores, rssMb }]) => `${process} ${cores} cores ${rssMb} MB`,
  );
  const noted = Object.entries(notes).map(([note, value]) => `${note} ${value}`);
  return [`${name}: ${[...used, ...noted].join(', ')}`];
}

/** Columns of numbers, from the third on if nothing is said, stand to the right. */
export function aligned(rows: readonly (readonly string[])[], firstNumbers = 2): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < firstNumbers ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
