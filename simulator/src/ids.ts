import { createHash, randomBytes } from 'node:crypto';
import type { Random } from './seeded-random.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A random object id in Stripe's manner, such as `mtr_test_9fK…`; from `draw` when there is one. */
export function randomId(prefix: string, length = 24, draw: Random | null = null): string {
  if (!draw) return prefix + inAlphabet(randomBytes(length));
  return prefix + inAlphabet(Uint8Array.from({ length }, () => Math.floor(draw() * 256)));
}

/** An id that is the same for the same parts, for objects that are computed and not stored. */
export function derivedId(prefix: string, ...parts: readonly (string | number)[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
  return prefix + inAlphabet(digest.subarray(0, 24));
}

/** `test_` stands in the ids of sandbox objects of the billing family, as in Stripe's samples. */
export function modePrefix(prefix: string, livemode: boolean): string {
  return livemode ? prefix : `${prefix}test_`;
}

function inAlphabet(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += ALPHABET[byte % ALPHABET.length];
  return text;
}
