import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run scale-out -- [--seconds N] [--seed S] [--json] [--keep]
  --seconds N  puts load on for so long (default 60); after a third of it an API process is killed,
               after two thirds a worker
  --seed S     draws the load from this seed (default: a new one)
  --json       prints one JSON object at the end, and nothing else
  --keep       leaves history, logs and data behind, and says where
`;

export interface ScaleOutOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly json: boolean;
  readonly keep: boolean;
}

/** @throws Error where the arguments are wrong. */
export function readOptions(args: readonly string[]): ScaleOutOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const { json, keep } = values;
  return {
    seconds: wholeNumber('seconds', values.seconds ?? '60', 1),
    seed: wholeNumber('seed', values.seed ?? String(randomInt(2 ** 31)), 0),
    json,
    keep,
  };
}

function wholeNumber(option: string, text: string, min: number): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value >= min) return value;
  throw new Error(`--${option} takes a whole number from ${min} on, not ${text}.`);
}
