import { isIPv6 } from 'node:net';
import { Injectable } from '@nestjs/common';
import { TokenBucket } from 'limiter';
import { LRUCache } from 'lru-cache';
import { Metrics } from '../metrics/metrics.js';
import { Problem } from '../problem/problem.js';
import type { Refusal } from './api-key.service.js';
import { unauthorized } from './caller.js';

/** Failed tries in a row of one address, or at one key id, that are answered without a wait. */
const TRIES_AT_ONCE = 200;
/** And from then on. */
const TRIES_PER_SECOND = 1;
const REMEMBERED_SOURCES = 10_000;
/** By then every bucket is full again. */
const FORGOTTEN_AFTER_MS = (TRIES_AT_ONCE / TRIES_PER_SECOND) * 1_000;

/**
 * Counts keys that were tried and are none, by address and by the key id they name, and sends who
 * tries too often away.
 *
 * It has its say only once a key was found wrong: a good key always gets in, however many wrong ones
 * come from its address (a proxy's, say) or under its id. That costs an attacker's tries one
 * look-up each, which 190 random bits can bear.
 */
@Injectable()
export class FailedTries {
  private readonly addresses = newBuckets();
  private readonly keyIds = newBuckets();

  constructor(private readonly metrics: Metrics) {}

  /** @returns What the one who tried is told. */
  refuse({ reason, keyId }: Refusal, address: string): Problem {
    // Without a key, or with a misspelt one, nothing is tried: nothing is asked of the database.
    const waitMs =
      reason === 'unknown'
        ? Math.max(take(this.addresses, network(address)), keyId ? take(this.keyIds, keyId) : 0)
        : 0;
    this.metrics.refusedKeys.inc({ reason: waitMs > 0 ? 'slowed' : reason });
    if (waitMs === 0) return unauthorized();
    return new Problem('rate_limited', 'too many API keys were tried that are none', {
      headers: { 'retry-after': String(Math.ceil(waitMs / 1_000)) },
    });
  }
}

function newBuckets(): LRUCache<string, TokenBucket> {
  return new LRUCache({ max: REMEMBERED_SOURCES, ttl: FORGOTTEN_AFTER_MS, updateAgeOnGet: true });
}

/** @returns 0 where the try was free, and else how long to wait for the next one that is. */
function take(buckets: LRUCache<string, TokenBucket>, source: string): number {
  let bucket = buckets.get(source);
  if (bucket === undefined) {
    bucket = new TokenBucket({
      bucketSize: TRIES_AT_ONCE,
      tokensPerInterval: TRIES_PER_SECOND,
      interval: 'second',
    });
    bucket.content = TRIES_AT_ONCE;
    buckets.set(source, bucket);
  }
  return bucket.tryRemoveTokens(1) ? 0 : Math.max(1, bucket.getWaitTime(1));
}

/** Whoever has one address of IPv6 has its whole /64. */
function network(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length;
  return [...groups, ...Array<string>(zeros).fill('0'), ...rest].slice(0, 4).join(':');
}
