import { sumOf } from '../../domain/decimal-arithmetic.js';
import { MICROS_PER_SECOND } from '../../domain/instant.js';
import {
  totalStandings,
  type PushStanding,
  type PushSums,
  type StandingTotal,
} from '../../domain/push-standing.js';
import {
  decimalOf,
  fieldsIn,
  instantOf,
  listOf,
  textOf,
  textOrNull,
  wholeOf,
  type Fields,
} from './line-fields.js';

/** Whereto a push may count by its status; null: it may be left out of the sums. */
const COUNTS_AS: Readonly<Record<string, readonly (PushStanding | null)[]>> = {
  pending: ['pending', null],
  sending: ['pending', null],
  unknown: ['unknown', null],
  delivered: ['delivered', 'unbillable', null],
  confirmed: ['confirmed', 'unbillable', null],
  disputed: ['unknown', null],
  rejected: ['rejected', null],
  shadow: [null],
};

const STANDINGS = [
  'pending',
  'delivered',
  'confirmed',
  'unknown',
  'rejected',
  'unbillable',
] as const;
const SUMS = ['delivered', 'confirmed', 'unknown', 'rejected', 'unbillable'] as const;

/** What the pushes and holds of a period come to. */
export class PushCheck {
  private readonly deltas: Record<keyof PushSums, string> = {
    delivered: '0',
    confirmed: '0',
    unknown: '0',
    rejected: '0',
    unbillable: '0',
  };
  private readonly totals = new Map<string, StandingTotal[]>();
  private readonly held = { held: '0', unbillable: '0' };
  private readonly seen = new Set<string>();
  /** The first that is wrong with a push by itself. */
  fault: string | undefined;

  push(line: Fields): void {
    this.fault ??= faultOf(line) ?? this.repeated(textOf(line, 'identifier'));
    const standing = textOrNull(line, 'counts_as') as PushStanding | null;
    // Said by the fault.
    if (standing === null || !(STANDINGS as readonly string[]).includes(standing)) return;
    const value = decimalOf(line, 'value');
    if (textOf(line, 'kind') === 'total') {
      const lane = textOf(line, 'lane_id');
      const total = { standing, sequence: wholeOf(line, 'sequence'), value };
      this.totals.set(lane, [...(this.totals.get(lane) ?? []), total]);
    } else if (standing !== 'pending') {
      this.deltas[standing] = sumOf([this.deltas[standing], value]);
    }
  }

  hold(line: Fields): void {
    const as = textOf(line, 'counts_as') === 'unbillable' ? 'unbillable' : 'held';
    this.held[as] = sumOf([this.held[as], decimalOf(line, 'value')]);
  }

  /** What the statement's and the amendments' own parts must add up to. */
  sums(): Readonly<Record<string, string>> {
    const lanes = [...this.totals.values()].map((totals) =>
      totalStandings(totals.toSorted((a, b) => b.sequence - a.sequence)),
    );
    const sums = Object.fromEntries(
      SUMS.map((name) => [name, sumOf([this.deltas[name], ...lanes.map((lane) => lane[name])])]),
    );
    const unbillable = sumOf([sums['unbillable']!, this.held.unbillable]);
    return { ...sums, unbillable, held: this.held.held };
  }

  private repeated(identifier: string): string | undefined {
    if (this.seen.has(identifier)) return `${identifier} stands twice`;
    this.seen.add(identifier);
    return undefined;
  }
}

function faultOf(line: Fields): string | undefined {
  const identifier = textOf(line, 'identifier');
  const status = textOf(line, 'status');
  const standing = textOrNull(line, 'counts_as');
  const allowed: readonly (string | null)[] = Object.hasOwn(COUNTS_AS, status)
    ? COUNTS_AS[status]!
    : [];
  if (!allowed.includes(standing)) {
    return `${identifier} is ${status} and cannot count as ${String(standing)}`;
  }
  if ((standing === null) !== (textOrNull(line, 'not_counted') !== null)) {
    return `${identifier} does not say why it does not count`;
  }
  let before: string | null = null;
  for (const transition of listOf(line, 'transitions')) {
    if (textOrNull(transition, 'from') !== before) return `${identifier} has a gap in its history`;
    before = textOf(transition, 'to');
  }
  if (before !== status)
    return `${identifier} is ${status}, but its history ends in ${String(before)}`;
  const body = fieldsIn(line, 'body');
  const payload = fieldsIn(body, 'payload');
  const isFrozen =
    body['identifier'] === identifier &&
    body['timestamp'] === instantOf(line, 'timestamp') / MICROS_PER_SECOND &&
    payload[textOf(line, 'value_key')] === decimalOf(line, 'value') &&
    Object.values(payload).includes(textOf(line, 'stripe_customer_id'));
  return isFrozen ? undefined : `${identifier} has another body than it says`;
}
