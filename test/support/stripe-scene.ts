import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import Stripe from 'stripe';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { PushPlanner } from '../../src/push/push-planner.js';
import { PushSender } from '../../src/push/push-sender.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import type { StripeEventHandler } from '../../src/webhooks/stripe-event-handler.js';
import { StripeEventHandlers } from '../../src/webhooks/stripe-event-handlers.js';
import { startTestApp, type TestApp } from './app.js';

const KEY = 'sk_test_51SubscriptionScene0';

/** The application and a Stripe account with a meter, a price and a customer, on one clock. */
export interface StripeScene extends AsyncDisposable {
  readonly app: TestApp;
  readonly simulator: Simulator;
  readonly stripe: Stripe;
  readonly tenantId: string;
  readonly stripeCustomer: string;
  readonly price: string;
  /** Moves both clocks. */
  now(at: string): Promise<void>;
  /** Reports usage; its id is made of its time and quantity. */
  use(at: string, quantity: string | number): Promise<any>;
  subscribe(options?: Partial<Stripe.SubscriptionCreateParams>): Promise<Stripe.Subscription>;
  fromStripe(): Promise<any>;
  /** As the inbox does when Stripe's event arrives. */
  event(type: string, objectId: string): Promise<{ outcome: string; effects: readonly any[] }>;
  /** Writes the statements of closes that were begun. */
  finishCloses(): Promise<void>;
  /** Plans and sends all there is. */
  push(): Promise<void>;
  /** Lets the back-off of every push pass. */
  forgetBackOff(): Promise<void>;
  statements(): Promise<any[]>;
  /** The sum that Stripe counted of timestamps in a stretch of time. */
  counted(from: string, to: string): number;
}

export async function openStripeScene(
  at: string,
  env: Record<string, string> = {},
): Promise<StripeScene> {
  const simulator = await startSimulator({ now: Date.parse(at), freeze: true, rateLimits: false });
  const app = await startTestApp({
    STRIPE_SECRET_KEY: KEY,
    STRIPE_API_BASE: simulator.url,
    STRIPE_CALLS_PER_SECOND: '1000',
    ...env,
  });
  const { hostname, port } = new URL(simulator.url);
  const stripe = new Stripe(KEY, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 });
  const meter = await stripe.billing.meters.create({
    display_name: 'Tokens',
    event_name: 'tokens',
    default_aggregation: { formula: 'sum' },
  });
  const product = await stripe.products.create({ name: 'Tokens' });
  const price = await stripe.prices.create({
    currency: 'usd',
    product: product.id,
    unit_amount: 1,
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  const customer = await stripe.customers.create({ name: 'Acme' });
  const { rows } = await app.pool.query('SELECT tenant_id FROM tenant');
  const tenantId: string = rows[0].tenant_id;

  const scene: StripeScene = {
    app,
    simulator,
    stripe,
    tenantId,
    stripeCustomer: customer.id,
    price: price.id,
    async now(instant) {
      await simulator.advanceTo(Date.parse(instant));
      await app.call('POST', '/v1/test-clock', { now: instant });
    },
    async use(instant, quantity) {
      const answer = await app.call('POST', '/v1/usage-events', {
        usage_event_id: `${instant} ${quantity}`,
        customer_id: 'acme',
        meter: 'tokens',
        quantity,
        occurred_at: instant,
      });
      return answer.body;
    },
    subscribe: (options = {}) =>
      stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: price.id }],
        ...options,
      }),
    fromStripe: async () =>
      (
        await app.call('PUT', '/v1/customers/acme/meters/tokens/billing-period', {
          source: 'stripe',
        })
      ).body,
    async event(type, objectId) {
      const account = await app.app.get(StripeAccounts).of(tenantId);
      const handler: StripeEventHandler = app.app.get(StripeEventHandlers).of(type)!;
      return handler.handle(
        {
          tenantId,
          eventId: 'evt_scene',
          type,
          objectId,
          livemode: false,
          accountId: null,
          receivedAt: 0,
        },
        account!,
      );
    },
    finishCloses: () => app.app.get(PeriodCloser).resume(tenantId, () => false),
    async push() {
      const planner = app.app.get(PushPlanner);
      const sender = app.app.get(PushSender);
      await app.pool.query(
        `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
         SELECT tenant_id, customer_no, meter_no, period_start, false FROM billing_period
         ON CONFLICT DO NOTHING`,
      );
      while ((await planner.plan(tenantId)) > 0);
      while ((await sender.send(tenantId)) > 0);
    },
    async forgetBackOff() {
      await app.pool.query(
        `UPDATE push SET next_attempt_at = now() WHERE status IN ('pending', 'unknown')`,
      );
    },
    async statements() {
      const answer = await app.call('GET', '/v1/customers/acme/billing-periods?meter=tokens');
      return answer.body.data;
    },
    counted(from, to) {
      const start = Date.parse(from) / 1_000;
      const end = Date.parse(to) / 1_000;
      return simulator
        .ledger()
        .filter(({ timestamp }) => timestamp >= start && timestamp < end)
        .reduce((sum, { value }) => sum + Number(value), 0);
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await simulator.stop();
    },
  };
  await app.call('POST', '/v1/test-clock', { now: at });
  await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum', stripe_event_name: 'tokens' });
  await app.call('PUT', '/v1/customers/acme', { stripe_customer_id: customer.id });
  return scene;
}

/** What of a statement the parts are, in the order in which the contract names them. */
export function partsOf(statement: any): string[] {
  return [
    'delivered',
    'confirmed',
    'pending',
    'unknown',
    'held',
    'rejected',
    'excluded',
    'unbillable',
  ].map((part) => statement[`${part}_value`]);
}

/** Starts and ends with values, as `2026-11-10T12:00 to 2026-12-10T12:00: 5`. */
export function outline(statements: readonly any[]): string[] {
  const short = (instant: string): string => instant.slice(0, 16);
  return statements.map(
    ({ period_start, period_end, value }) =>
      `${short(period_start)} to ${short(period_end)}: ${value}`,
  );
}
