import type { Benchmark, Figure } from './benchmark.js';
import type { Measured } from './measured.js';
import type { ProcessFigures } from './process-watch.js';
import { median, rounded } from './statistics.js';

/** One measurement and its reference, round by round. */
export interface Compared {
  readonly measured: readonly Measured[];
  readonly reference: readonly Measured[];
}

interface Chosen extends Pick<Benchmark, 'name' | 'unit' | 'toReach'> {
  /** What of a measurement counts; its rate, if nothing is said. */
  readonly of?: (measured: Measured) => number;
  readonly notes?: Readonly<Record<string, number>>;
}

/** The figure of one side against another; the percentiles and processes are those of the first. */
export function figureOf(
  { name, unit, toReach, of = ({ perSecond }) => perSecond, notes }: Chosen,
  { measured, reference }: Compared,
): Figure {
  const rounds = measured.map((each, i) => ({ value: of(each), reference: of(reference[i]!) }));
  return {
    name,
    unit,
    value: rounded(median(rounds.map(({ value }) => value))),
    reference: rounded(median(rounds.map((round) => round.reference))),
    ratio: rounded(median(rounds.map((round) => round.value / round.reference))),
    toReach,
    latency: {
      p50Ms: rounded(median(measured.map(({ latency }) => latency.p50Ms))),
      p95Ms: rounded(median(measured.map(({ latency }) => latency.p95Ms))),
      p99Ms: rounded(median(measured.map(({ latency }) => latency.p99Ms))),
    },
    processes: together(measured.map(({ processes }) => processes)),
    rounds: rounds.map((round) => ({
      value: rounded(round.value),
      reference: rounded(round.reference),
    })),
    ...(notes === undefined ? {} : { notes }),
  };
}

/** The median of the processor's use, the largest of memory. */
function together(
  rounds: readonly Readonly<Record<string, ProcessFigures>>[],
): Record<string, ProcessFigures> {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))];
  return Object.fromEntries(
    names.map((name) => {
      const seen = rounds.flatMap((round) => round[name] ?? []);
      const cores = rounded(median(seen.map((each) => each.cores)));
      return [name, { cores, rssMb: Math.max(...seen.map(({ rssMb }) => rssMb)) }];
    }),
  );
}
