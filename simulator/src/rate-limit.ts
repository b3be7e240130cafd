import type { Account } from './account.js';
import type { Caller } from './accounts.js';
import { METER_EVENTS_PATH, STREAM_PATH, V2_METER_EVENTS_PATH } from './event-paths.js';
import { rateLimited } from './errors.js';

/** Requests per second. Each bucket holds one second's worth, and at least one request. */
export interface RateLimits {
  /** `POST /v1/billing/meter_events` with a live key, and v2's likewise; outside the overall limit. */
  meterEventsLive: number;
  /** `POST /v2/billing/meter_event_stream`, which is live only. */
  meterEventStreamLive: number;
  /** Everything with a sandbox key, meter events too. */
  overallSandbox: number;
  /** Everything with a live key, except meter events; those too on a connected account. */
  overallLive: number;
  /** Each other endpoint on its own. */
  perEndpoint: number;
}

/** Source: https://docs.stripe.com/rate-limits */
export const STRIPE_RATE_LIMITS: Readonly<RateLimits> = {
  meterEventsLive: 1000,
  meterEventStreamLive: 10_000,
  overallSandbox: 25,
  overallLive: 100,
  perEndpoint: 25,
};

/** Which of the limits a request falls under. */
export type LimitClass = 'meter_event' | 'connected_meter_event' | 'stream' | 'other';

export function limitOf({ connect }: Caller, method: string, path: string): LimitClass {
  if (method !== 'POST') return 'other';
  if (path === STREAM_PATH) return 'stream';
  if (path !== METER_EVENTS_PATH && path !== V2_METER_EVENTS_PATH) return 'other';
  return connect ? 'connected_meter_event' : 'meter_event';
}

/**
 * Token buckets per account and mode. They fill in real time: what they limit is real traffic, and a
 * frozen virtual clock would never fill them again.
 */
export class RateLimiter {
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(
    private readonly limits: RateLimits,
    private readonly realNowMs: () => number = () => performance.now(),
  ) {}

  /** Throws the 429 when a bucket is empty. `endpoint` is a method and a route pattern. */
  admit(account: Account, endpoint: string, limit: LimitClass): void {
    const { limits } = this;
    const take = (name: string, perSecond: number): boolean =>
      this.#bucket(`${account.scope} ${name}`, perSecond).take(this.realNowMs());
    if (account.livemode && (limit === 'meter_event' || limit === 'stream')) {
      const own = limit === 'stream' ? limits.meterEventStreamLive : limits.meterEventsLive;
      if (!take(endpoint, own)) throw rateLimited('endpoint-rate');
      return;
    }
    if (limit === 'other' && !take(endpoint, limits.perEndpoint)) {
      throw rateLimited('endpoint-rate');
    }
    const overall = account.livemode ? limits.overallLive : limits.overallSandbox;
    if (!take('overall', overall)) throw rateLimited('global-rate');
  }

  clear(): void {
    this.#buckets.clear();
  }

  #bucket(name: string, perSecond: number): TokenBucket {
    const known = this.#buckets.get(name);
    if (known) return known;
    const bucket = new TokenBucket(perSecond);
    this.#buckets.set(name, bucket);
    return bucket;
  }
}

/** A bucket that holds one second's worth of requests and fills continuously. */
export class TokenBucket {
  readonly #capacity: number;
  #tokens: number;
  #filledAtMs: number | null = null;

  constructor(private readonly perSecond: number) {
    this.#capacity = Math.max(1, perSecond);
    this.#tokens = this.#capacity;
  }

  take(nowMs: number): boolean {
    if (this.perSecond === Infinity) return true;
    const elapsedMs = nowMs - (this.#filledAtMs ?? nowMs);
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1000) * this.perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
