import type Stripe from 'stripe';
import { openSandbox, type Sandbox } from './sandbox.js';
import type { SimulatorOptions } from '../../src/index.js';

/** The start of a day-aligned, month-aligned period; the clock of the tests starts here. */
export const MONDAY_MS = Date.UTC(2026, 5, 1);
export const MONDAY = MONDAY_MS / 1000;
export const DAY_MS = 24 * 60 * 60 * 1000;
export const HOUR_MS = 60 * 60 * 1000;

/** A sandbox with a metered price, and what tests of billing ask again and again. */
export interface BillingSandbox extends Sandbox {
  price: Stripe.Price;
  subscribe(params?: Partial<Stripe.SubscriptionCreateParams>): Promise<Stripe.Subscription>;
  /** The invoice that a subscription was last billed by. */
  latestInvoice(subscription: Stripe.Subscription): Promise<Stripe.Invoice>;
  /** The invoices of cycles, oldest first. */
  cycleInvoices(): Promise<Stripe.Invoice[]>;
  at(ms: number): Promise<void>;
}

export async function openBilling(options: SimulatorOptions = {}): Promise<BillingSandbox> {
  const sandbox = await openSandbox({ now: MONDAY_MS, ...options });
  const { stripe, meter, customer, simulator } = sandbox;
  const price = await stripe.prices.create({
    currency: 'usd',
    product_data: { name: 'Requests' },
    unit_amount_decimal: '0.5' as unknown as Stripe.Decimal,
    recurring: { interval: 'day', usage_type: 'metered', meter: meter.id },
  });
  return {
    ...sandbox,
    price,
    subscribe: (params = {}) =>
      stripe.subscriptions.create({ customer, items: [{ price: price.id }], ...params }),
    latestInvoice: ({ latest_invoice: latest }) =>
      stripe.invoices.retrieve(typeof latest === 'string' ? latest : ''),
    cycleInvoices: async () => {
      const { data } = await stripe.invoices.list({ customer, limit: 100 });
      return data.filter(({ billing_reason: reason }) => reason === 'subscription_cycle').reverse();
    },
    at: (ms) => simulator.advanceTo(ms),
  };
}

/** The exact quantities of an invoice's lines, as text. */
export function quantitiesOf(invoice: Stripe.Invoice): string[] {
  return invoice.lines.data.map((line) => String(line.quantity_decimal));
}

export function onlyItem(subscription: Stripe.Subscription): Stripe.SubscriptionItem {
  const [item] = subscription.items.data;
  if (!item || subscription.items.data.length > 1) throw new Error('Not one item.');
  return item;
}
