import { periodContaining, type BillingPeriod, type Schedule } from './billing-period.js';
import type { Micros } from './instant.js';

/** An item of a subscription that prices a meter, as far as Stripe has told. */
export interface BillingItem {
  readonly itemId: string;
  readonly startsAt: Micros;
  /** Null: it goes on. */
  readonly endsAt: Micros | null;
  /** Neither canceled nor removed. */
  readonly isLive: boolean;
  /** The price's interval from the billing cycle anchor, in UTC. */
  readonly schedule: Schedule;
  /** The periods that Stripe has named, in order; they do not overlap. */
  readonly periods: readonly BillingPeriod[];
}

/** A stretch of time in which no item prices the meter. */
export interface ItemGap extends BillingPeriod {
  readonly isGap: true;
}

/** For how long one item decides; of two at a time the one that began first does. */
interface Reign extends BillingPeriod {
  readonly item: BillingItem;
}

/**
 * The period of the item that prices the meter at an instant: as Stripe named it, or, where it has
 * not (yet), by the price's interval from the end of the one before.
 */
export function itemPeriodAt(items: readonly BillingItem[], at: Micros): BillingPeriod | ItemGap {
  const reigns = reignsOf(items);
  const reign = reigns.find(({ start, end }) => start <= at && at < end);
  if (reign !== undefined) return clip(periodOfItem(reign.item, at), reign.start, reign.end);
  const before = reigns.findLast(({ end }) => end <= at);
  const after = reigns.find(({ start }) => start > at);
  return { start: before?.end ?? -Infinity, end: after?.start ?? Infinity, isGap: true };
}

export const ITEM_PRICINGS = ['one', 'none', 'several'] as const;
export type ItemPricing = (typeof ITEM_PRICINGS)[number];

/** Whether one item prices the meter in a period. What was canceled stands in nobody's way. */
export function pricingOf(
  items: readonly BillingItem[],
  { start, end }: BillingPeriod,
): ItemPricing {
  const present = items.filter(
    ({ startsAt, endsAt }) => startsAt < end && (endsAt ?? Infinity) > start,
  );
  if (present.length === 0) return 'none';
  return present.filter(({ isLive }) => isLive).length > 1 ? 'several' : 'one';
}

/** Whether two states of knowledge put every instant into the same period. */
export function placeAlike(one: readonly BillingItem[], other: readonly BillingItem[]): boolean {
  if (one.length !== other.length) return false;
  const isSameLife = one.every((item) => {
    const twin = other.find(({ itemId }) => itemId === item.itemId);
    return (
      twin !== undefined &&
      twin.startsAt === item.startsAt &&
      twin.endsAt === item.endsAt &&
      twin.schedule.anchor === item.schedule.anchor &&
      twin.schedule.interval === item.schedule.interval &&
      twin.schedule.intervalCount === item.schedule.intervalCount
    );
  });
  if (!isSameLife) return false;
  // Where lives and named periods begin and end the same, nothing but the interval decides between.
  const boundaries = [...one, ...other].flatMap(({ startsAt, endsAt, periods }) => [
    startsAt,
    endsAt ?? startsAt,
    ...periods.flatMap(({ start, end }) => [start, end]),
  ]);
  return boundaries.every((at) => isSamePeriod(itemPeriodAt(one, at), itemPeriodAt(other, at)));
}

export function isSamePeriod(one: BillingPeriod, other: BillingPeriod): boolean {
  return one.start === other.start && one.end === other.end;
}

/**
 * The known periods of an item once Stripe has named its current one: what was thought to reach
 * into it is cut, what was thought to begin after it is forgotten.
 */
export function withCurrentPeriod(
  periods: readonly BillingPeriod[],
  current: BillingPeriod,
): BillingPeriod[] {
  const before = periods.filter(({ start }) => start < current.start);
  return [...before.map((period) => clip(period, -Infinity, current.start)), current];
}

/** The known periods of an item once an invoice has named one that is over: later ones hold. */
export function withPastPeriod(
  periods: readonly BillingPeriod[],
  past: BillingPeriod,
): BillingPeriod[] {
  const before = periods.filter(({ start }) => start < past.start);
  const after = periods.filter(({ start }) => start > past.start);
  return [
    ...before.map((period) => clip(period, -Infinity, past.start)),
    clip(past, -Infinity, after[0]?.start ?? Infinity),
    ...after,
  ];
}

function reignsOf(items: readonly BillingItem[]): Reign[] {
  const reigns: Reign[] = [];
  let from = -Infinity;
  const inOrder = items.toSorted(
    (a, b) => a.startsAt - b.startsAt || (a.itemId < b.itemId ? -1 : 1),
  );
  for (const item of inOrder) {
    const start = Math.max(from, item.startsAt);
    const end = item.endsAt ?? Infinity;
    if (start >= end) continue;
    reigns.push({ item, start, end });
    from = end;
  }
  return reigns;
}

function periodOfItem({ periods, schedule }: BillingItem, at: Micros): BillingPeriod {
  const named = periods.find(({ start, end }) => start <= at && at < end);
  if (named !== undefined) return named;
  const before = periods.findLast(({ end }) => end <= at);
  const after = periods.find(({ start }) => start > at);
  return clip(periodContaining(schedule, at), before?.end ?? -Infinity, after?.start ?? Infinity);
}

export function clip(
  { start, end }: BillingPeriod,
  notBefore: Micros,
  notAfter: Micros,
): BillingPeriod {
  return { start: Math.max(start, notBefore), end: Math.min(end, notAfter) };
}
