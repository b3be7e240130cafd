import type { Account } from './account.js';
import { ApiError, noSuch } from './errors.js';
import type { Parameters } from './parameters.js';
import { isRecurring, type RecurringPrice } from './price.js';
import { priceOf } from './prices.js';
import type { SubscriptionItem, SubscriptionRecord } from './subscription.js';
import { nextBoundary } from './subscription-periods.js';
import { isMetered, usageSpans } from './subscription-spans.js';
import type { World } from './world.js';

/** One element of `items[]`, or the parameters of `/v1/subscription_items`. */
export interface ItemOrder {
  id: string | undefined;
  price: string | undefined;
  quantity: number | undefined;
  metadata: Record<string, string> | undefined;
  isDeleted: boolean;
}

export function readItem(parameters: Parameters): ItemOrder {
  return {
    id: parameters.text('id', 5000),
    price: parameters.text('price', 5000),
    quantity: parameters.integer('quantity'),
    metadata: parameters.map('metadata'),
    isDeleted: parameters.boolean('deleted') ?? false,
  };
}

export function recurringPriceOf(account: Account, id: string | undefined): RecurringPrice {
  const price = priceOf(account, id ?? '', 'items[price]', 400);
  if (isRecurring(price)) return price;
  const message =
    'The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.';
  throw new ApiError(400, message, { param: 'items[price]' });
}

/** Makes an item whose period begins at `start`; unix seconds. */
export function addItem(
  world: World,
  record: SubscriptionRecord,
  price: RecurringPrice,
  { quantity, metadata }: Pick<ItemOrder, 'metadata' | 'quantity'>,
  period: { created: number; start: number; end: number },
): SubscriptionItem {
  const { items, id } = record.subscription;
  const isUsage = price.recurring.usage_type === 'metered';
  if (isUsage && quantity !== undefined) {
    throw new ApiError(400, 'You cannot set the quantity for metered plans.', {
      param: 'quantity',
    });
  }
  const item: SubscriptionItem = {
    id: world.newId('si_', 14),
    object: 'subscription_item',
    created: period.created,
    current_period_end: period.end,
    current_period_start: period.start,
    discounts: [],
    metadata: metadata ?? {},
    price,
    ...(!isUsage && { quantity: quantity ?? 1 }),
    subscription: id,
    tax_rates: [],
  };
  items.data.push(item);
  items.total_count = items.data.length;
  return item;
}

/** Carries out one element of `items[]` of an update. */
export function changeItems(
  world: World,
  account: Account,
  record: SubscriptionRecord,
  order: ItemOrder,
  now: number,
): void {
  const { subscription } = record;
  if (order.id === undefined) {
    const price = recurringPriceOf(account, order.price);
    addItem(world, record, price, order, periodFrom(record, price, now));
    return;
  }
  const item = subscription.items.data.find(({ id }) => id === order.id);
  if (!item) throw noSuch('subscription item', order.id, 'items[id]', 400);
  if (order.isDeleted) removeItem(world, record, item, now);
  else changeItem(world, account, record, item, order, now);
}

/** A trial ends for all items at once. */
function periodFrom({ subscription }: SubscriptionRecord, price: RecurringPrice, now: number) {
  const { status, trial_end: trialEnd, billing_cycle_anchor: anchor } = subscription;
  const isTrial = status === 'trialing' && trialEnd !== null;
  const end = isTrial ? trialEnd : nextBoundary(anchor, price.recurring, now);
  return { created: now, start: now, end };
}

export function removeItem(
  world: World,
  record: SubscriptionRecord,
  item: SubscriptionItem,
  now: number,
): void {
  keepUsage(world, record, item, now);
  const { items } = record.subscription;
  items.data = items.data.filter(({ id }) => id !== item.id);
  items.total_count = items.data.length;
}

/** A flexible subscription bills the usage so far at the price so far; a classic one forgets it. */
function keepUsage(
  world: World,
  record: SubscriptionRecord,
  item: SubscriptionItem,
  now: number,
): void {
  if (record.subscription.billing_mode.type === 'classic') return;
  record.unbilled.push(...usageSpans(world, record, item, now));
}

export function changeItem(
  world: World,
  account: Account,
  record: SubscriptionRecord,
  item: SubscriptionItem,
  { price: priceId, quantity, metadata }: ItemOrder,
  now: number,
): void {
  if (metadata !== undefined) item.metadata = { ...item.metadata, ...metadata };
  if (priceId !== undefined && priceId !== item.price.id) {
    const price = recurringPriceOf(account, priceId);
    keepUsage(world, record, item, now);
    item.price = price;
    record.countedFrom.set(item.id, now);
    if (isMetered(item)) delete item.quantity;
  }
  if (quantity !== undefined && !isMetered(item)) item.quantity = quantity;
}
