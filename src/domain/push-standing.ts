import { difference } from './decimal-arithmetic.js';

/** What became of what was pushed. Canonical decimals. */
export interface PushSums {
  readonly delivered: string;
  readonly confirmed: string;
  /** Sent, and whether it arrived is not known, or is disputed. */
  readonly unknown: string;
  readonly rejected: string;
  /** It arrived after the invoice was final. */
  readonly unbillable: string;
}

/** Whereto a push counts; `pending` in none of the sums. */
export type PushStanding = keyof PushSums | 'pending';

/** A total of a lane: what the whole period comes to. */
export interface StandingTotal {
  readonly standing: PushStanding;
  readonly sequence: number;
  readonly value: string;
}

/**
 * Of totals the newest that arrived stands for all before it. What came after adds what it says
 * beyond that: as unbillable, as unknown, or as rejected where nothing was sent after the refusal.
 *
 * @param rows Totals of one lane, the highest sequence of each standing first.
 */
export function totalStandings(rows: readonly StandingTotal[]): PushSums {
  const newest = (
    standing: PushStanding,
    after: StandingTotal | undefined,
  ): StandingTotal | undefined =>
    rows.find((row) => row.standing === standing && row.sequence > (after?.sequence ?? 0));
  const confirmed = newest('confirmed', undefined);
  const delivered = newest('delivered', confirmed);
  const billed = delivered ?? confirmed;
  const late = newest('unbillable', billed);
  const arrived = late ?? billed;
  const unknown = newest('unknown', arrived);
  const latest = newest('pending', unknown ?? arrived) ?? unknown ?? arrived;
  const beyond = (row: StandingTotal | undefined, before: StandingTotal | undefined): string =>
    row === undefined ? '0' : difference(row.value, before?.value ?? '0');
  return {
    confirmed: confirmed?.value ?? '0',
    delivered: beyond(delivered, confirmed),
    unbillable: beyond(late, billed),
    unknown: beyond(unknown, arrived),
    rejected: beyond(newest('rejected', latest), latest),
  };
}
