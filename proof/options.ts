import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { VARIANTS, type VariantName } from './variants/variants.js';

export const USAGE = `usage: npm run proof -- [--seconds N] [--crashes N] [--seed S] [--variant NAME] [--json] [--keep]
  --seconds N     goes on under faults for so long (default 60)
  --crashes N     goes on until so many crashes were injected, if that takes longer (default 200)
  --seed S        draws load and faults from this seed (default: a new one); their timing is real,
                  so that a seed gives the same plan, and only about the same run
  --variant NAME  proves a server that is wrong on purpose, which the checks must find out:
                  ${VARIANTS.join(', ')}
  --json          prints one JSON object at the end, and nothing else
  --keep          leaves history, logs and data behind, and says where
`;

export interface ProofOptions {
  readonly seconds: number;
  readonly crashes: number;
  readonly seed: number;
  readonly variant: VariantName | undefined;
  readonly json: boolean;
  readonly keep: boolean;
}

/** @throws Error where the arguments are wrong. */
export function readOptions(args: readonly string[]): ProofOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      crashes: { type: 'string' },
      seed: { type: 'string' },
      variant: { type: 'string' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const { variant, json, keep } = values;
  if (variant !== undefined && !isVariant(variant)) throw new Error(`No variant ${variant}.`);
  return {
    seconds: wholeNumber('seconds', values.seconds ?? '60'),
    crashes: wholeNumber('crashes', values.crashes ?? (variant === undefined ? '200' : '0')),
    seed: wholeNumber('seed', values.seed ?? String(randomInt(2 ** 31))),
    variant,
    json,
    keep,
  };
}

function isVariant(name: string): name is VariantName {
  return (VARIANTS as readonly string[]).includes(name);
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${option} takes a whole number, not ${text}.`);
  return Number(text);
}
