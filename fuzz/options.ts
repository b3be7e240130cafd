import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run fuzz -- [--requests N] [--seed S] [--connections N] [--json] [--keep]
  --requests N     how many are made (default 100000)
  --seed S         draws them from this seed (default: a new one); which of them meet depends on time
  --connections N  how many at a time (default 12)
  --json           prints one JSON object at the end, and nothing else on stdout
  --keep           leaves logs and data behind, and says where
`;

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  readonly connections: number;
  readonly json: boolean;
  readonly keep: boolean;
}

/** @throws Error where the arguments are wrong. */
export function readOptions(args: readonly string[]): FuzzOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      connections: { type: 'string', default: '12' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  return {
    requests: wholeNumber('requests', values.requests),
    seed: wholeNumber('seed', values.seed ?? String(randomInt(2 ** 31))),
    connections: Math.max(1, wholeNumber('connections', values.connections)),
    json: values.json,
    keep: values.keep,
  };
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${option} takes a whole number, not ${text}.`);
  return Number(text);
}
