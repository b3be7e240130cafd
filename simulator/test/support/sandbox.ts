import Stripe from 'stripe';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/index.js';

/** A Friday, 12:00:00 UTC. Tests move the clock from here; it stands still by itself. */
export const NOON_MS = Date.UTC(2026, 9, 30, 12);
export const NOON = NOON_MS / 1000;
export const HOUR = 3600;
export const DAY = 24 * HOUR;

export const SECRET_KEY = 'sk_test_sandbox';

/** A simulator with one `sum` meter and one customer, and the unmodified SDK pointed at it. */
export interface Sandbox {
  simulator: Simulator;
  stripe: Stripe;
  meter: Stripe.Billing.Meter;
  customer: string;
  /** Sends an event for the meter and the customer; no retries, as each test counts its requests. */
  send(value: string, params?: SendParams, idempotencyKey?: string): Promise<SentEvent>;
  /** What the summaries say about the last 35 days and the next three. */
  counted(): Promise<number>;
}

export type SentEvent = Stripe.Response<Stripe.Billing.MeterEvent>;

export interface SendParams {
  identifier?: string;
  timestamp?: number;
  event_name?: string;
  customer?: string;
}

export async function openSandbox(options: SimulatorOptions = {}): Promise<Sandbox> {
  const simulator = await startSimulator({
    now: NOON_MS,
    freeze: true,
    rateLimits: false,
    ...options,
  });
  const stripe = clientOf(simulator);
  const meter = await stripe.billing.meters.create({
    display_name: 'Requests',
    event_name: 'requests',
    default_aggregation: { formula: 'sum' },
  });
  const { id: customer } = await stripe.customers.create({ name: 'Ada' });
  return {
    simulator,
    stripe,
    meter,
    customer,
    send: (value, params = {}, idempotencyKey) => {
      const { customer: payer = customer, event_name = 'requests', ...rest } = params;
      return stripe.billing.meterEvents.create(
        { event_name, payload: { stripe_customer_id: payer, value }, ...rest },
        idempotencyKey === undefined ? {} : { idempotencyKey },
      );
    },
    counted: () => totalOf(stripe, meter.id, customer),
  };
}

/** The SDK with nothing changed but where it connects. */
export function clientOf(simulator: Simulator, key = SECRET_KEY): Stripe {
  const { hostname, port } = new URL(simulator.url);
  return new Stripe(key, {
    host: hostname,
    port: Number(port),
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
  });
}

/** One summary over 35 days back and three ahead of the start of the tests. */
export async function totalOf(stripe: Stripe, meter: string, customer: string): Promise<number> {
  const range = { start_time: NOON - 35 * DAY, end_time: NOON + 3 * DAY };
  const { data } = await stripe.billing.meters.listEventSummaries(meter, { customer, ...range });
  return data[0]?.aggregated_value ?? Number.NaN;
}

/** What a refused call threw, as the SDK shows it. */
export async function errorOf(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('The call was expected to fail.');
}

/** A request without the SDK, for what the SDK cannot send or hides. */
export function post(
  simulator: Simulator,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(simulator.url + path, {
    method: 'POST',
    body,
    headers: {
      Authorization: `Bearer ${SECRET_KEY}`,
      'Content-Type': 'application/x-www-form-urlencoded',
      ...headers,
    },
  });
}

/** A call of the oracle. */
export async function oracle<Answer>(
  simulator: Simulator,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; body: Answer }> {
  const response = await fetch(simulator.oracleUrl + path, {
    method,
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}
