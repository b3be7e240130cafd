import { statementDigest } from './entry-digest.js';
import type { Aggregation } from './meter.js';

/** What the entries of one statement come to. Decimals are canonical, null without any. */
export interface OwnUsage {
  readonly quantity_sum: string | null;
  readonly quantity_max: string | null;
  readonly last_quantity: string | null;
  /** Less the voids. */
  readonly entry_count: string;
  /** Of what was carried in from closed periods. */
  readonly carried_sum: string | null;
  readonly carried_count: string | null;
  readonly unique_count: string | null;
  /** Sum of the entries' digests. */
  readonly digest: string;
}

/** What a statement says of its usage. */
export interface Statement extends Readonly<Record<string, string>> {
  readonly value: string;
  readonly carried_in: string;
  readonly event_count: string;
  /** Hex. */
  readonly digest: string;
}

/**
 * As a close makes it.
 *
 * @param carried What a `last` meter with carry_last held before; counts where there is no usage.
 */
export function statementOf(
  own: OwnUsage,
  aggregation: Aggregation,
  carried: string | null,
): Statement {
  const value = ownValue(own, aggregation);
  const carriedIn = { sum: own.carried_sum, count: own.carried_count };
  return {
    value: value ?? carried ?? '0',
    carried_in:
      value === null && carried !== null
        ? carried
        : ((aggregation === 'sum' || aggregation === 'count' ? carriedIn[aggregation] : null) ??
          '0'),
    event_count: own.entry_count,
    digest: digestText(own.entry_count, own.digest),
  };
}

/** What an amendment says of its own entries, and what its period comes to with all before it. */
export function amendmentOf(
  own: Pick<OwnUsage, 'entry_count' | 'digest'>,
  through: string | null,
  carried: string | null,
): { readonly through: string; readonly event_count: string; readonly digest: string } {
  return {
    through: through ?? carried ?? '0',
    event_count: own.entry_count,
    digest: digestText(own.entry_count, own.digest),
  };
}

function ownValue(own: OwnUsage, aggregation: Aggregation): string | null {
  return {
    sum: own.quantity_sum,
    count: own.entry_count === '0' ? null : own.entry_count,
    max: own.quantity_max,
    last: own.last_quantity,
    unique_count: own.unique_count,
  }[aggregation];
}

function digestText(count: string, sum: string): string {
  return statementDigest(Number(count), BigInt(sum)).toString('hex');
}
