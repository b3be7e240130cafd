import { Big } from 'big.js';
import type { Account } from './account.js';
import { aggregate, DAY_SECONDS, HOUR_SECONDS, visibleAt } from './aggregation.js';
import type { InvoiceLine } from './invoice.js';
import type { Meter } from './meter.js';
import type { BilledSpan } from './subscription.js';
import type { World } from './world.js';

/** As many as Stripe's `quantity_decimal` has. */
const QUANTITY_PLACES_MAX = 12;

/**
 * The lines of an invoice with the usage that was received and aggregated by a moment. What comes
 * later is on no invoice.
 */
export function linesOf(
  world: World,
  account: Account,
  spans: readonly BilledSpan[],
  invoice: string | null,
  asOfMs: number,
): InvoiceLine[] {
  return spans.map((span) => lineOf(account, span, invoice, usageOf(world, account, span, asOfMs)));
}

/** The exact usage in the span, negative or not. */
export function usageOf(world: World, account: Account, span: BilledSpan, asOfMs: number): Big {
  const { price, customer, quantity } = span;
  if (quantity !== null) return new Big(quantity);
  const meter = account.meters.get(price.recurring.meter ?? '');
  if (!meter) return new Big(0);
  const { start, end } = countedRange(world, meter, span);
  const visible = visibleAt(account.events.of(meter.id, customer), asOfMs);
  return aggregate(
    meter,
    visible.filter(({ timestamp }) => timestamp >= start && timestamp < end),
    world.switches.lastTie,
  );
}

/** Half-open, unix seconds. */
function countedRange(world: World, meter: Meter, { start, end }: BilledSpan) {
  if (meter.event_time_window === null || world.switches.partialWindow === 'billed') {
    return { start, end };
  }
  const window = meter.event_time_window === 'hour' ? HOUR_SECONDS : DAY_SECONDS;
  return { start: start - (start % window), end: end - (end % window) };
}

function lineOf(
  account: Account,
  span: BilledSpan,
  invoice: string | null,
  usage: Big,
): InvoiceLine {
  const { price, subscription, item, start, end } = span;
  const zero = new Big(0);
  const billed = span.isFree || usage.lt(zero) ? zero : usage;
  const quantity = billed.round(QUANTITY_PLACES_MAX, Big.roundHalfUp);
  const amount = Number(quantity.times(price.unit_amount_decimal).round(0, Big.roundHalfUp));
  return {
    id: span.lineId,
    object: 'line_item',
    amount,
    currency: price.currency,
    description: price.nickname,
    invoice,
    livemode: account.livemode,
    metadata: {},
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: null,
        subscription,
        subscription_item: item,
      },
      type: 'subscription_item_details',
    },
    period: { end, start },
    pricing: {
      price_details: { price: price.id, product: price.product },
      type: 'price_details',
      unit_amount_decimal: price.unit_amount_decimal,
    },
    quantity: Number(quantity.round(0, Big.roundDown).toFixed()),
    quantity_decimal: quantity.toFixed(),
    subscription,
    subtotal: amount,
  };
}
