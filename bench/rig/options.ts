import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Names of benchmarks; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly list: boolean;
  /** Of each measurement. */
  readonly seconds: number;
  readonly rounds: number;
  /** Where the figures go as JSON. */
  readonly json: string | undefined;
  /** Added to the flush of each commit. */
  readonly commitMs: number;
  /** How large a benchmark's data are, by option; what is not named has the benchmark's own size. */
  readonly sizes: Sizes;
}

const SIZES = ['events', 'lines', 'periods', 'customers', 'pushes'] as const;
export type Sizes = Readonly<Partial<Record<(typeof SIZES)[number], number>>>;

const QUICK = {
  seconds: 0.5,
  rounds: 1,
  sizes: { events: 5_000, lines: 5_000, periods: 500, customers: 200, pushes: 200 },
} as const;
/** PostgreSQL takes at most 100 ms as its `commit_delay`. */
const COMMIT_MS_MAX = 100;

export const USAGE = `usage: npm run bench -- [--only NAME[,NAME]] [--seconds N] [--rounds N] [--json FILE]
                        [--commit-ms N] [--quick] [--list] [sizes]
  --only NAMES   only these benchmarks, by comma
  --seconds N    of each measurement (default 4)
  --rounds N     in which measurement and reference take turns; medians of them are told (default 5)
  --json FILE    writes the figures as JSON, too; - for stdout, instead of the table
  --commit-ms N  adds so many milliseconds to the flush of each commit (0 to ${COMMIT_MS_MAX}), as a slow disk does
  --quick        one round of half a second with little data: shows that it works, not how fast it is
  --list         says what there is, and measures nothing
sizes, whole numbers; each benchmark that takes one has its own default:
  --events N     in the ledger: ingest_growth, replay, query
  --lines N      of the stream: ndjson
  --periods N    that are closed meanwhile: latency
  --customers N  whose periods are closed: close
  --pushes N     that are due: push
`;

/** @throws Error where the arguments are wrong. */
export function readOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const size = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      'commit-ms': { type: 'string' },
      events: size,
      lines: size,
      periods: size,
      customers: size,
      pushes: size,
    },
  });
  const given = SIZES.flatMap((name) => {
    const text = values[name];
    return text === undefined ? [] : [[name, wholeNumber(name, text, 1)] as const];
  });
  const sizes: Sizes = { ...(values.quick ? QUICK.sizes : {}), ...Object.fromEntries(given) };
  return {
    only: values.only === undefined ? undefined : namesIn(values.only, names),
    list: values.list,
    seconds: number('seconds', values.seconds ?? (values.quick ? QUICK.seconds : 4), 0.1, 86_400),
    rounds: wholeNumber('rounds', values.rounds ?? (values.quick ? QUICK.rounds : 5), 1),
    json: values.json,
    commitMs: number('commit-ms', values['commit-ms'] ?? 0, 0, COMMIT_MS_MAX),
    sizes,
  };
}

function namesIn(list: string, names: readonly string[]): string[] {
  const chosen = list.split(',').filter((name) => name !== '');
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new Error(`There is no benchmark ${unknown}. There are ${names.join(', ')}.`);
  }
  if (chosen.length === 0) throw new Error('--only takes names of benchmarks.');
  return chosen;
}

function wholeNumber(option: string, given: string | number, min: number): number {
  const value = Number(given);
  if (/^\d{1,10}$/.test(String(given)) && value >= min) return value;
  throw new Error(`--${option} takes a whole number from ${min} on, not ${given}.`);
}

function number(option: string, given: string | number, min: number, max: number): number {
  const value = Number(given);
  if (/^\d+(?:\.\d+)?$/.test(String(given)) && value >= min && value <= max) return value;
  throw new Error(`--${option} takes a number from ${min} to ${max}, not ${given}.`);
}
