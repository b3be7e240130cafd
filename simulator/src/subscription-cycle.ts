import type { Account } from './account.js';
import { emit, previousOf, type Occasion } from './core-event-emit.js';
import type { BillingReason } from './invoice.js';
import { draftInvoice } from './invoice-drafts.js';
import type { Subscription, SubscriptionRecord } from './subscription.js';
import { nextBoundary } from './subscription-periods.js';
import { feeSpans, usageSpans } from './subscription-spans.js';
import type { World } from './world.js';

/** Lets a subscription bill at its next period end, and on from there. */
export function planCycle(world: World, account: Account, record: SubscriptionRecord): void {
  const { subscription } = record;
  const due = nextTurn(subscription);
  if (due === Infinity) return;
  world.clock.at(due * 1000, () => {
    // Another order may have moved the period since.
    if (nextTurn(subscription) !== due) return;
    const occasion = { atMs: due * 1000, request: null };
    turn(world, account, record, occasion, structuredClone(subscription), 'subscription_cycle');
  });
}

/** Unix seconds. */
function nextTurn({ status, items, cancel_at: cancelAt }: Subscription): number {
  if (status === 'canceled' || status === 'paused') return Infinity;
  return Math.min(...items.data.map((item) => item.current_period_end), cancelAt ?? Infinity);
}

/** Bills the periods that are over, rolls their items on or ends the subscription. */
export function turn(
  world: World,
  account: Account,
  record: SubscriptionRecord,
  occasion: Occasion,
  before: Subscription,
  reason: BillingReason,
): void {
  const { subscription } = record;
  const now = Math.floor(occasion.atMs / 1000);
  if (subscription.cancel_at !== null && subscription.cancel_at <= now) {
    endSubscription(world, account, record, occasion, true);
    return;
  }
  const over = subscription.items.data.filter((item) => item.current_period_end <= now);
  const usage = over.flatMap((item) => usageSpans(world, record, item, now));
  const { trial_end: trialEnd, billing_cycle_anchor: anchor } = subscription;
  if (trialEnd !== null && trialEnd <= now) subscription.status = 'active';
  for (const item of over) {
    item.current_period_start = item.current_period_end;
    item.current_period_end = nextBoundary(anchor, item.price.recurring, now);
    record.countedFrom.delete(item.id);
  }
  const fees = over.flatMap((item) => feeSpans(world, record, item));
  draftInvoice(world, account, occasion, record, reason, [...usage, ...fees]);
  announceUpdate(world, account, record, occasion, before);
  planCycle(world, account, record);
}

export function announceUpdate(
  world: World,
  account: Account,
  { subscription }: SubscriptionRecord,
  occasion: Occasion,
  before: Subscription,
): void {
  const type = 'customer.subscription.updated';
  const previous = previousOf(before, subscription);
  emit(world, account, occasion, { type, object: subscription, previous });
}

/** Usage of the running period is billed, or never will be. */
export function endSubscription(
  world: World,
  account: Account,
  record: SubscriptionRecord,
  occasion: Occasion,
  billsUsage: boolean,
): void {
  const { subscription } = record;
  const now = Math.floor(occasion.atMs / 1000);
  subscription.status = 'canceled';
  subscription.ended_at = now;
  subscription.canceled_at ??= now;
  subscription.cancellation_details.reason = 'cancellation_requested';
  if (billsUsage) {
    const usage = subscription.items.data.flatMap((item) => usageSpans(world, record, item, now));
    const reason = subscription.cancel_at === now ? 'subscription_cycle' : 'subscription_update';
    draftInvoice(world, account, occasion, record, reason, usage);
  }
  record.unbilled = [];
  const type = 'customer.subscription.deleted';
  emit(world, account, occasion, { type, object: subscription });
}
