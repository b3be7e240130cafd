import { Injectable } from '@nestjs/common';
import { TokenBucket } from 'limiter';
import { LRUCache } from 'lru-cache';
import { Config } from '../config/config.js';
import { Metrics } from '../metrics/metrics.js';
import { Problem } from '../problem/problem.js';
import type { Principal } from './caller.js';

const WINDOW_SECONDS = 1;
/** A key that is not among them begins anew with a full bucket. */
const REMEMBERED_KEYS = 10_000;

/** What is left to a key, as headers of an answer. */
export type RateLimitHeaders = Readonly<Record<'ratelimit-policy' | 'ratelimit', string>>;

/**
 * `RATE_LIMIT_PER_SECOND`: requests per second and key, in this process. A second's worth may come at
 * once. A stream of usage events counts as one request.
 *
 * Its headers are those of draft-ietf-httpapi-ratelimit-headers-10: in the policy `q` is the quota
 * and `w` its window in seconds; `r` is what is left and `t` the seconds until more is.
 */
@Injectable()
export class RateLimit {
  private readonly perSecond: number;
  private readonly buckets = new LRUCache<string, TokenBucket>({ max: REMEMBERED_KEYS });

  constructor(
    config: Config,
    private readonly metrics: Metrics,
  ) {
    this.perSecond = config.RATE_LIMIT_PER_SECOND;
  }

  /**
   * Takes one request from what is left to a key.
   *
   * @throws Problem `rate_limited` where nothing is.
   */
  take({ tenantId, keyId }: Principal): RateLimitHeaders | undefined {
    if (this.perSecond === 0) return undefined;
    const bucket = this.bucket(`${tenantId} ${keyId}`);
    const isAllowed = bucket.tryRemoveTokens(1);
    const waitSeconds = Math.max(1, Math.ceil(bucket.getWaitTime(1) / 1_000));
    const headers = {
      'ratelimit-policy': `"key";q=${this.perSecond};w=${WINDOW_SECONDS}`,
      ratelimit: `"key";r=${Math.floor(bucket.content)};t=${waitSeconds}`,
    };
    if (isAllowed) return headers;
    this.metrics.shedRequests.inc({ reason: 'rate_limited' });
    throw new Problem('rate_limited', `this API key may send ${this.perSecond} requests a second`, {
      headers: { ...headers, 'retry-after': String(waitSeconds) },
    });
  }

  private bucket(name: string): TokenBucket {
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket({
        bucketSize: this.perSecond,
        tokensPerInterval: this.perSecond,
        interval: WINDOW_SECONDS * 1_000,
      });
      bucket.content = this.perSecond;
      this.buckets.set(name, bucket);
    }
    return bucket;
  }
}
