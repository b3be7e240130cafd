import Big from 'big.js';
import { difference } from '../domain/decimal-arithmetic.js';
import type { PushedValue } from '../usage/pushed-values.js';

/** What an amendment takes first: it came last, so it is what is settled last. */
const LEAST_SETTLED_FIRST = [
  'pending',
  'held',
  'unbillable',
  'excluded',
  'rejected',
  'unknown',
] as const;

/**
 * Divides what became of a period's value between its statement and its amendments, each of whose
 * values is the sum of its parts. Stripe counts the period as one, so which unit is whose is not to
 * be known; the newest amendment takes what is least settled.
 *
 * @param whole Of the statement's value and the amendments' together.
 * @param values The amendments', in order.
 * @returns The parts of the statement, and of each amendment.
 */
export function divideParts(
  whole: PushedValue,
  values: readonly string[],
): { readonly statement: PushedValue; readonly amendments: PushedValue[] } {
  let rest: PushedValue = whole;
  const amendments: PushedValue[] = [];
  for (const value of values.toReversed()) {
    const taken = take(rest, value);
    rest = lessened(rest, taken);
    amendments.unshift(taken);
  }
  return { statement: rest, amendments };
}

function take(from: PushedValue, value: string): PushedValue {
  const taken: Record<keyof PushedValue, string> = {
    delivered: '0',
    confirmed: '0',
    pending: '0',
    unknown: '0',
    held: '0',
    rejected: '0',
    excluded: '0',
    unbillable: '0',
  };
  let rest = new Big(value);
  for (const name of LEAST_SETTLED_FIRST) {
    const part = new Big(from[name]);
    if (rest.eq(0) || part.eq(0) || part.s !== rest.s) continue;
    const amount = part.abs().lt(rest.abs()) ? part : rest;
    taken[name] = amount.toFixed();
    rest = rest.minus(amount);
  }
  if (rest.eq(0)) return taken;
  // Of what Stripe has; a correction downwards took it back from there.
  const delivered = new Big(from.delivered);
  const isOfDelivered =
    from.confirmed === '0' || (rest.s === delivered.s && delivered.abs().gte(rest.abs()));
  taken[isOfDelivered ? 'delivered' : 'confirmed'] = rest.toFixed();
  return taken;
}

function lessened(parts: PushedValue, taken: PushedValue): PushedValue {
  const rest: Record<keyof PushedValue, string> = { ...parts };
  for (const name of Object.keys(rest) as (keyof PushedValue)[]) {
    rest[name] = difference(parts[name], taken[name]);
  }
  return rest;
}
