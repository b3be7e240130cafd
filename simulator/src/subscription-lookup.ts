import type { Account } from './account.js';
import { noSuch } from './errors.js';
import type { SubscriptionItem, SubscriptionRecord } from './subscription.js';

/** The subscription of the path, or Stripe's 404. */
export function subscriptionOf(account: Account, id: string): SubscriptionRecord {
  const record = account.billing.subscriptions.get(id);
  if (!record) throw noSuch('subscription', id, 'id', 404);
  return record;
}

/** For changes, a subscription that has ended is as none. */
export function liveSubscriptionOf(account: Account, id: string): SubscriptionRecord {
  const record = subscriptionOf(account, id);
  if (record.subscription.status === 'canceled') throw noSuch('subscription', id, 'id', 404);
  return record;
}

export interface FoundItem {
  record: SubscriptionRecord;
  item: SubscriptionItem;
}

export function itemOf(account: Account, id: string): FoundItem {
  for (const record of account.billing.subscriptions.values()) {
    const item = record.subscription.items.data.find((one) => one.id === id);
    if (item) return { record, item };
  }
  throw noSuch('subscription item', id, 'id', 404);
}
