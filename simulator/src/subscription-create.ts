import type { Account } from './account.js';
import { emit, occasionOf } from './core-event-emit.js';
import { ApiError, noSuch, parameterMissing } from './errors.js';
import { draftInvoice } from './invoice-drafts.js';
import type { Parameters } from './parameters.js';
import type { Call, Plan } from './route.js';
import type { BilledSpan, Subscription, SubscriptionRecord } from './subscription.js';
import { planCycle } from './subscription-cycle.js';
import { addItem, readItem, recurringPriceOf, type ItemOrder } from './subscription-items.js';
import { nextBoundary } from './subscription-periods.js';
import { emptySpan, feeSpans, isMetered, usageSpans } from './subscription-spans.js';
import type { World } from './world.js';

const DAY_SECONDS = 24 * 60 * 60;

/** What a subscription is ordered with. Instants are unix seconds. */
interface Order {
  customer: string;
  items: ItemOrder[];
  trialEnd: number | null;
  anchor: number | undefined;
  backdatedTo: number | undefined;
  cancelAtPeriodEnd: boolean;
  cancelAt: number | null;
  mode: 'classic' | 'flexible';
  collection: Subscription['collection_method'];
  daysUntilDue: number | null;
  metadata: Record<string, string>;
}

/** Stripe's subscriptions have many more parameters; they are taken and dropped. */
export function planCreate(world: World, call: Call): Plan {
  const order = readOrder(call.parameters, world.clock.nowSeconds());
  return { lane: null, execute: () => create(world, call, order) };
}

function readOrder(parameters: Parameters, now: number): Order {
  const items = parameters.objects('items').map(readItem);
  if (items.length === 0) throw parameterMissing('items');
  return {
    customer: parameters.requiredText('customer', 5000),
    items,
    trialEnd: readTrialEnd(parameters, now),
    anchor: parameters.integer('billing_cycle_anchor'),
    backdatedTo: parameters.integer('backdate_start_date'),
    cancelAtPeriodEnd: parameters.boolean('cancel_at_period_end') ?? false,
    cancelAt: parameters.integer('cancel_at') ?? null,
    mode:
      parameters.object('billing_mode')?.oneOf('type', ['classic', 'flexible'] as const) ??
      'flexible',
    collection:
      parameters.oneOf('collection_method', ['charge_automatically', 'send_invoice'] as const) ??
      'charge_automatically',
    daysUntilDue: parameters.integer('days_until_due') ?? null,
    metadata: parameters.map('metadata') ?? {},
  };
}

function readTrialEnd(parameters: Parameters, now: number): number | null {
  const days = parameters.integer('trial_period_days');
  const text = parameters.text('trial_end', 20);
  if (text === undefined) return days === undefined ? null : now + days * DAY_SECONDS;
  if (text === 'now') return null;
  return parameters.requiredInteger('trial_end');
}

function create(world: World, call: Call, order: Order): Subscription {
  const { account } = call;
  const occasion = occasionOf(world, call);
  const now = Math.floor(occasion.atMs / 1000);
  checkOrder(world, account, order, now);
  const prices = order.items.map(({ price }) => recurringPriceOf(account, price));
  const record = newRecord(world, account, order, prices[0]?.currency ?? 'usd', now);
  const { subscription } = record;
  // A classic subscription bills the time it is backdated by with its first period.
  const isLate = order.mode === 'classic' && order.trialEnd === null;
  const start = (isLate ? order.backdatedTo : undefined) ?? now;
  order.items.forEach((item, index) => {
    const price = prices[index];
    if (!price) return;
    const anchor = subscription.billing_cycle_anchor;
    const end = order.trialEnd ?? nextBoundary(anchor, price.recurring, now);
    addItem(world, record, price, item, { created: now, start, end });
  });
  if (order.cancelAtPeriodEnd) subscription.cancel_at = earliestEnd(subscription);
  account.billing.subscriptions.set(subscription.id, record);
  const type = 'customer.subscription.created';
  const spans = firstSpans(world, record, order, now);
  emit(world, account, occasion, { type, object: subscription });
  draftInvoice(world, account, occasion, record, 'subscription_create', spans);
  planCycle(world, account, record);
  return subscription;
}

export function earliestEnd({ items }: Subscription): number {
  return Math.min(...items.data.map((item) => item.current_period_end));
}

function checkOrder(world: World, account: Account, order: Order, now: number): void {
  const { customer, trialEnd, backdatedTo, cancelAt } = order;
  if (!world.customerExists(account, customer)) throw noSuch('customer', customer, 'customer', 400);
  if (trialEnd !== null && trialEnd <= now) throw notAhead('trial_end');
  if (cancelAt !== null && cancelAt <= now) throw notAhead('cancel_at');
  if (backdatedTo !== undefined && backdatedTo > now) {
    const param = 'backdate_start_date';
    throw new ApiError(400, 'Invalid timestamp: must be in the past', { param });
  }
}

export function notAhead(param: string): ApiError {
  const message = 'Invalid timestamp: must be an integer Unix timestamp in the future';
  return new ApiError(400, message, { param });
}

/** The first invoice: fees in advance, and what a flexible subscription was backdated by. */
function firstSpans(
  world: World,
  record: SubscriptionRecord,
  { backdatedTo, mode }: Order,
  now: number,
): BilledSpan[] {
  return record.subscription.items.data.flatMap((item) => {
    if (!isMetered(item)) return feeSpans(world, record, item);
    if (mode === 'classic' || backdatedTo === undefined) return emptySpan(world, record, item, now);
    const past = { ...item, current_period_start: backdatedTo, current_period_end: now };
    return usageSpans(world, record, past, now);
  });
}

function newRecord(
  world: World,
  account: Account,
  order: Order,
  currency: string,
  now: number,
): SubscriptionRecord {
  const id = world.newId('sub_');
  const { trialEnd, mode } = order;
  const url = `/v1/subscription_items?subscription=${id}`;
  const subscription: Subscription = {
    id,
    object: 'subscription',
    billing_cycle_anchor: order.anchor ?? trialEnd ?? now,
    billing_mode: { type: mode, flexible: null },
    cancel_at: order.cancelAt,
    cancel_at_period_end: order.cancelAtPeriodEnd,
    canceled_at: order.cancelAtPeriodEnd || order.cancelAt !== null ? now : null,
    cancellation_details: { comment: null, feedback: null, reason: null },
    collection_method: order.collection,
    created: now,
    currency,
    customer: order.customer,
    days_until_due: order.daysUntilDue,
    ended_at: null,
    items: { object: 'list', data: [], has_more: false, total_count: 0, url },
    latest_invoice: null,
    livemode: account.livemode,
    metadata: order.metadata,
    pause_collection: null,
    start_date: order.backdatedTo ?? now,
    status: trialEnd === null ? 'active' : 'trialing',
    trial_end: trialEnd,
    trial_start: trialEnd === null ? null : now,
  };
  return { subscription, unbilled: [], countedFrom: new Map() };
}
