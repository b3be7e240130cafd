import type { BilledSpan, SubscriptionItem, SubscriptionRecord } from './subscription.js';
import type { World } from './world.js';

export function isMetered(item: SubscriptionItem): boolean {
  return item.price.recurring.usage_type === 'metered';
}

/** The metered usage of an item's period until an instant, or nothing. Unix seconds. */
export function usageSpans(
  world: World,
  record: SubscriptionRecord,
  item: SubscriptionItem,
  until: number,
): BilledSpan[] {
  if (!isMetered(item)) return [];
  const { trial_end: trialEnd } = record.subscription;
  const start = Math.max(item.current_period_start, record.countedFrom.get(item.id) ?? 0);
  const end = Math.min(until, item.current_period_end);
  if (start >= end) return [];
  const isTrial = trialEnd !== null && start < trialEnd;
  const isFree = isTrial && world.switches.trialUsage === 'free';
  return [{ ...spanOf(world, record, item), start, end, quantity: null, isFree }];
}

/** What an item costs in advance for the period it is in, or nothing. */
export function feeSpans(
  world: World,
  record: SubscriptionRecord,
  item: SubscriptionItem,
): BilledSpan[] {
  if (isMetered(item)) return [];
  const { current_period_start: start, current_period_end: end, quantity = 1 } = item;
  const isFree = record.subscription.status === 'trialing';
  return [{ ...spanOf(world, record, item), start, end, quantity, isFree }];
}

/** Stripe's first invoice has each metered item too, with a quantity of 0. */
export function emptySpan(
  world: World,
  record: SubscriptionRecord,
  item: SubscriptionItem,
  at: number,
): BilledSpan {
  return { ...spanOf(world, record, item), start: at, end: at, quantity: 0, isFree: true };
}

function spanOf(world: World, { subscription }: SubscriptionRecord, item: SubscriptionItem) {
  return {
    lineId: world.newId('il_'),
    item: item.id,
    subscription: subscription.id,
    customer: subscription.customer,
    price: item.price,
  };
}
