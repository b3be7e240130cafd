import { noSuch, parameterMissing } from './errors.js';
import { newInvoice } from './invoice-drafts.js';
import type { Call, Plan } from './route.js';
import { liveSubscriptionOf } from './subscription-lookup.js';
import type { Subscription, SubscriptionItem } from './subscription.js';
import { nextBoundary } from './subscription-periods.js';
import { feeSpans, usageSpans } from './subscription-spans.js';
import type { World } from './world.js';

/** The next invoice of a subscription with the usage so far. Nothing is stored, nothing announced. */
export function planPreview(world: World, { account, parameters }: Call): Plan {
  const id = parameters.text('subscription', 5000);
  const customer = parameters.text('customer', 5000);
  if (id === undefined) throw parameterMissing('subscription');
  return {
    lane: null,
    execute: () => {
      const record = liveSubscriptionOf(account, id);
      const { subscription } = record;
      if (customer !== undefined && customer !== subscription.customer) {
        throw noSuch('subscription', id, 'subscription', 400);
      }
      const { data } = subscription.items;
      const spans = [
        ...record.unbilled,
        ...data.flatMap((item) => usageSpans(world, record, item, Infinity)),
        ...data.flatMap((item) => feeSpans(world, record, nextPeriodOf(subscription, item))),
      ];
      return newInvoice(world, account, subscription, 'upcoming', spans, world.clock.nowMs())
        .invoice;
    },
  };
}

/** Fees are billed in advance. */
function nextPeriodOf(subscription: Subscription, item: SubscriptionItem): SubscriptionItem {
  const { current_period_end: start, price } = item;
  const end = nextBoundary(subscription.billing_cycle_anchor, price.recurring, start);
  return { ...item, current_period_start: start, current_period_end: end };
}
