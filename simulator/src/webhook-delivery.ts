import type { PayloadStyle, WebhookEndpoint } from './webhook-endpoint.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LIVE_RETRIES_END_MS = 3 * 24 * HOUR_MS;

/** Stripe publishes «exponential back-off» and no numbers. Live, the last delay repeats. */
const LIVE_DELAYS_MS = [5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 12 * HOUR_MS];
/** Three tries over a few hours. */
const SANDBOX_DELAYS_MS = [30 * MINUTE_MS, 2 * HOUR_MS];

/** An event for the endpoints that want it. */
export interface WebhookMessage {
  eventId: string;
  type: string;
  payload: PayloadStyle;
  /** Never changes, so that every attempt sends the same bytes. */
  content: object;
  /** Whose event it is; an endpoint of a platform must be told. */
  account: string;
  atMs: number;
  onAnswered?: (atMs: number) => void;
}

export interface WebhookAttempt {
  /** RFC 3339, virtual clock. */
  at: string;
  status: number | null;
  error: string | null;
}

/**
 * One event on its way to one endpoint. `lost`: Stripe takes it for delivered and nothing arrived.
 * `failed`: no retries are left.
 */
export interface WebhookDelivery {
  event: string;
  type: string;
  endpoint: string;
  url: string;
  payload: PayloadStyle;
  status: 'pending' | 'delivered' | 'failed' | 'lost';
  /** Rises by one with each copy of the same event to the same endpoint, from 1. */
  copy: number;
  /** RFC 3339, virtual clock. Null when nothing more will be sent. */
  due: string | null;
  attempts: WebhookAttempt[];
}

/** What is sent; to a platform with the account, as Stripe names it in either style. */
export function bodyFor(endpoint: WebhookEndpoint, message: WebhookMessage): string {
  const { content, account, payload } = message;
  if (!endpoint.connect) return JSON.stringify(content, null, 2);
  const owner = payload === 'thin' ? { context: account } : { account };
  return JSON.stringify({ ...content, ...owner }, null, 2);
}

/** When to try again after the latest attempt, or null when it was the last one. */
export function retryAtMs(
  endpoint: WebhookEndpoint,
  attempts: number,
  firstAtMs: number,
  nowMs: number,
): number | null {
  const delays = endpoint.livemode ? LIVE_DELAYS_MS : SANDBOX_DELAYS_MS;
  const last = endpoint.livemode ? LIVE_DELAYS_MS.at(-1) : undefined;
  const delayMs = delays[attempts - 1] ?? last;
  if (delayMs === undefined) return null;
  const atMs = nowMs + delayMs;
  return atMs - firstAtMs <= LIVE_RETRIES_END_MS ? atMs : null;
}
