import type { BillingPeriod } from './billing-period.js';
import type { Micros } from './instant.js';
import type { LateUsagePolicy } from './meter.js';

/** A billing period as far as recording needs it. */
export interface KnownPeriod extends BillingPeriod {
  /** It has a row: something was recorded in it. */
  readonly stored: boolean;
  /** Its first entry came after its end and the grace, so the own clock leaves it to a command. */
  readonly backfilled: boolean;
  /** Stripe says when it ends, so the own clock's mark passes over it. */
  readonly ofItem: boolean;
  /** How many amendments its statement has; what comes to it now goes into the one after. */
  readonly amendments: number;
}

export interface Marks {
  /** Commands have closed every period of this customer and meter that ends by this instant. */
  readonly closedThrough: Micros;
  /** The own clock has closed every stored period that ends by this instant, but for backfills and items'. */
  readonly clockClosedThrough: Micros;
}

export type Placement =
  | {
      readonly kind: 'placed';
      /** Where it is billed. */
      readonly period: KnownPeriod;
      /** Where it happened. */
      readonly origin: KnownPeriod;
      readonly revision: number;
      readonly late: boolean;
    }
  | { readonly kind: 'refused'; readonly origin: KnownPeriod };

export function isClosed(period: KnownPeriod, marks: Marks): boolean {
  if (period.end <= marks.closedThrough) return true;
  const isClocks = period.stored && !period.backfilled && !period.ofItem;
  return isClocks && period.end <= marks.clockClosedThrough;
}

/**
 * Where an entry is billed: in the period it happened in, or, where that is closed, where the
 * meter's policy for late usage says.
 *
 * `carry_forward` takes the earliest unclosed period after it. Where the own clock closed the
 * period, that search starts at what the clock has passed: a period in between that nothing was
 * recorded in would otherwise be opened after its time, and wait for a command.
 */
export function placeUsage(
  occurredAt: Micros,
  policy: LateUsagePolicy,
  marks: Marks,
  periodAt: (at: Micros) => KnownPeriod,
): Placement {
  const origin = periodAt(occurredAt);
  if (!isClosed(origin, marks)) {
    return { kind: 'placed', period: origin, origin, revision: 0, late: false };
  }
  if (policy === 'reject') return { kind: 'refused', origin };
  if (policy === 'amend') {
    const revision = origin.amendments + 1;
    return { kind: 'placed', period: origin, origin, revision, late: true };
  }
  const period = firstUnclosed(origin, marks, periodAt);
  return { kind: 'placed', period, origin, revision: 0, late: true };
}

/** The period that takes over what belongs to a closed one. */
function firstUnclosed(
  closed: KnownPeriod,
  marks: Marks,
  periodAt: (at: Micros) => KnownPeriod,
): KnownPeriod {
  const closedByClock = closed.end > marks.closedThrough;
  const from = Math.max(
    closed.end,
    marks.closedThrough,
    closedByClock ? marks.clockClosedThrough : closed.end,
  );
  let period = periodAt(from);
  while (isClosed(period, marks)) period = periodAt(period.end);
  return period;
}

/** What a void does to a billing period. */
export const VOID_KINDS = ['open', 'carried', 'amendment'] as const;
export type VoidKind = (typeof VOID_KINDS)[number];

export interface VoidPlacement {
  readonly kind: VoidKind;
  readonly period: KnownPeriod;
  readonly originStart: Micros;
  readonly revision: number;
}

/**
 * Where an entry is taken out again: where it stands, as long as that is not closed; then where the
 * meter's late usage goes, since that period's statement never changes. A meter that rejects late
 * usage takes corrections all the same, as its aggregation allows.
 *
 * @param entry Where it is billed now.
 */
export function placeVoid(
  entry: { readonly periodStart: Micros; readonly originStart: Micros; readonly revision: number },
  carriesForward: boolean,
  marks: Marks,
  periodAt: (at: Micros) => KnownPeriod,
): VoidPlacement {
  const period = periodAt(entry.periodStart);
  const { originStart, revision } = entry;
  if (!isClosed(period, marks)) return { kind: 'open', period, originStart, revision };
  if (!carriesForward) {
    return { kind: 'amendment', period, originStart, revision: period.amendments + 1 };
  }
  return {
    kind: 'carried',
    period: firstUnclosed(period, marks, periodAt),
    originStart: period.start,
    revision: 0,
  };
}
