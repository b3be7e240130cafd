import type { Account } from './account.js';
import { emit, occasionOf, type Occasion } from './core-event-emit.js';
import { readCreated } from './created-filter.js';
import { ApiError } from './errors.js';
import { draftInvoice } from './invoice-drafts.js';
import { listOf, readPage } from './lists.js';
import type { Call, Plan, Route } from './route.js';
import type { Subscription } from './subscription.js';
import { planCreate } from './subscription-create.js';
import { endSubscription, planCycle } from './subscription-cycle.js';
import { liveSubscriptionOf, subscriptionOf } from './subscription-lookup.js';
import { nextBoundary } from './subscription-periods.js';
import { usageSpans } from './subscription-spans.js';
import { planUpdate, readAnchor } from './subscription-update.js';
import type { World } from './world.js';

const PATH = '/v1/subscriptions';
const LISTABLE = ['active', 'all', 'canceled', 'ended', 'paused', 'trialing'] as const;

export function subscriptionRoutes(world: World): Route[] {
  const one = `${PATH}/:id`;
  return [
    { method: 'POST', path: PATH, plan: (call) => planCreate(world, call) },
    { method: 'GET', path: PATH, plan: planList },
    { method: 'GET', path: one, plan: planGet },
    { method: 'POST', path: one, plan: (call) => planUpdate(world, call) },
    { method: 'DELETE', path: one, plan: (call) => planCancel(world, call) },
    { method: 'POST', path: `${one}/pause`, plan: (call) => planPause(world, call) },
    { method: 'POST', path: `${one}/resume`, plan: (call) => planResume(world, call) },
  ];
}

/** Ends what a deleted customer had. Its usage of the running periods stays unbilled. */
export function endSubscriptionsOf(
  world: World,
  account: Account,
  customer: string,
  occasion: Occasion,
): void {
  for (const record of account.billing.subscriptions.values()) {
    const { subscription } = record;
    if (subscription.customer !== customer || subscription.status === 'canceled') continue;
    endSubscription(world, account, record, occasion, false);
  }
}

function planGet({ account, pathId }: Call): Plan {
  return { lane: null, execute: () => subscriptionOf(account, pathId).subscription };
}

/** Without a status: all but the canceled ones, as at Stripe. */
function planList({ account, parameters }: Call): Plan {
  const page = readPage(parameters);
  const customer = parameters.text('customer', 5000);
  const status = parameters.oneOf('status', LISTABLE);
  const price = parameters.text('price', 5000);
  const isInSpan = readCreated(parameters);
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const all = [...account.billing.subscriptions.values()].map((record) => record.subscription);
      const found = all.reverse().filter((one) => {
        if (customer !== undefined && one.customer !== customer) return false;
        if (price !== undefined && !one.items.data.some((item) => item.price.id === price)) {
          return false;
        }
        return isListed(one, status) && isInSpan(one.created);
      });
      return listOf('subscription', PATH, found, page);
    },
  };
}

function isListed({ status }: Subscription, wanted: (typeof LISTABLE)[number] | undefined) {
  if (wanted === 'all') return true;
  if (wanted === undefined) return status !== 'canceled';
  return wanted === 'ended' ? status === 'canceled' : status === wanted;
}

/** Without `invoice_now` the usage of the running period stays unbilled. */
function planCancel(world: World, call: Call): Plan {
  const { account, parameters, pathId } = call;
  const invoiceNow = parameters.boolean('invoice_now') ?? false;
  return {
    lane: null,
    execute: () => {
      const record = liveSubscriptionOf(account, pathId);
      endSubscription(world, account, record, occasionOf(world, call), invoiceNow);
      return record.subscription;
    },
  };
}

/** Usage until now goes to an invoice now or to the next one. */
function planPause(world: World, call: Call): Plan {
  const { account, parameters, pathId } = call;
  const behavior = parameters.oneOf('invoicing_behavior', ['invoice', 'pending_invoice_item']);
  return {
    lane: null,
    execute: () => {
      const occasion = occasionOf(world, call);
      const now = Math.floor(occasion.atMs / 1000);
      const record = liveSubscriptionOf(account, pathId);
      const { subscription } = record;
      if (subscription.status === 'paused') {
        throw new ApiError(400, 'The subscription is already paused.');
      }
      const { data } = subscription.items;
      record.unbilled.push(...data.flatMap((item) => usageSpans(world, record, item, now)));
      for (const item of data) record.countedFrom.set(item.id, now);
      subscription.status = 'paused';
      if (behavior === 'invoice') {
        draftInvoice(world, account, occasion, record, 'subscription_update', []);
      }
      emit(world, account, occasion, {
        type: 'customer.subscription.paused',
        object: subscription,
      });
      return subscription;
    },
  };
}

/** Starts new periods. What was used during the pause is on no invoice. */
function planResume(world: World, call: Call): Plan {
  const { account, parameters, pathId } = call;
  const anchor = readAnchor(parameters) ?? 'now';
  return {
    lane: null,
    execute: () => {
      const occasion = occasionOf(world, call);
      const now = Math.floor(occasion.atMs / 1000);
      const record = liveSubscriptionOf(account, pathId);
      const { subscription } = record;
      if (subscription.status !== 'paused') {
        throw new ApiError(400, 'The subscription is not paused.');
      }
      subscription.status = 'active';
      if (anchor === 'now') subscription.billing_cycle_anchor = now;
      for (const item of subscription.items.data) {
        const { billing_cycle_anchor: from } = subscription;
        item.current_period_start = now;
        item.current_period_end = nextBoundary(from, item.price.recurring, now);
        record.countedFrom.delete(item.id);
      }
      const type = 'customer.subscription.resumed';
      emit(world, account, occasion, { type, object: subscription });
      planCycle(world, account, record);
      return subscription;
    },
  };
}
