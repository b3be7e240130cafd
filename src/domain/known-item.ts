import type { BillingPeriod } from './billing-period.js';
import type { Micros } from './instant.js';
import { withCurrentPeriod, type BillingItem } from './item-period.js';

/** An item as it is kept, for as long as it counted one Stripe meter. */
export interface KnownItem extends BillingItem {
  readonly subscriptionId: string;
  readonly stripeMeterId: string;
  /** Of the Stripe meter, where one of ours goes by it. */
  readonly eventName: string | null;
}

/** An item as Stripe has it now. */
export interface ObservedItem extends Omit<KnownItem, 'periods'> {
  readonly currentPeriod: BillingPeriod;
}

/**
 * What is known of a customer's items once all of them were read: what Stripe shows, and what it
 * does not show any more, as ended.
 *
 * @param readAt When the reading began: an item that is gone ended by then, nobody knows when.
 */
export function withObservation(
  known: readonly KnownItem[],
  observed: readonly ObservedItem[],
  readAt: Micros,
): KnownItem[] {
  const seen = observed.map(({ currentPeriod, ...item }): KnownItem => {
    const before = known.find((each) => isSameItem(each, item));
    // A price that counts another meter began to when this was first seen.
    const isSwitched = known.some(({ itemId }) => itemId === item.itemId);
    return {
      ...item,
      startsAt: before?.startsAt ?? (isSwitched ? readAt : item.startsAt),
      periods: withCurrentPeriod(before?.periods ?? [], currentPeriod),
    };
  });
  const gone = known
    .filter((item) => !seen.some((each) => isSameItem(each, item)))
    .map((item) => ({ ...item, isLive: false, endsAt: endOfGone(item, readAt) }));
  return [...seen, ...gone];
}

/** When what is known should be looked at again though nobody says so; nothing where it never ends. */
export function nextReadAt(items: readonly KnownItem[], readAt: Micros): Micros {
  const ends = items
    .filter(({ isLive }) => isLive)
    .map(({ periods, endsAt }) => Math.min(periods.at(-1)?.end ?? Infinity, endsAt ?? Infinity));
  const next = Math.min(...ends);
  // Stripe has not begun the next period yet, though this one is over.
  if (next <= readAt) return readAt + RETRY_AFTER_MICROS;
  return Math.min(next, readAt + READ_EVERY_MICROS);
}

const RETRY_AFTER_MICROS = 10 * 60_000_000;
/** A webhook may be lost that tells of a first subscription, or of an end before its time. */
const READ_EVERY_MICROS = 24 * 3_600_000_000;

function endOfGone({ startsAt, endsAt, isLive }: KnownItem, readAt: Micros): Micros {
  if (!isLive && endsAt !== null) return endsAt;
  return Math.max(startsAt + 1, Math.min(endsAt ?? Infinity, readAt));
}

function isSameItem(
  one: Pick<KnownItem, 'itemId' | 'stripeMeterId'>,
  other: Pick<KnownItem, 'itemId' | 'stripeMeterId'>,
): boolean {
  return one.itemId === other.itemId && one.stripeMeterId === other.stripeMeterId;
}
