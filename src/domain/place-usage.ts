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
    return { kind: 'placed', period: origin, origin, revision: 1, late: true };
  }
  const closedByClock = origin.end > marks.closedThrough;
  const from = Math.max(
    origin.end,
    marks.closedThrough,
    closedByClock ? marks.clockClosedThrough : origin.end,
  );
  let period = periodAt(from);
  while (isClosed(period, marks)) period = periodAt(period.end);
  return { kind: 'placed', period, origin, revision: 0, late: true };
}
