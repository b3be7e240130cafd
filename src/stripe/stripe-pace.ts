import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { TokenBucket } from 'limiter';
import { Config } from '../config/config.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { timeOfDay } from '../database/time-of-day.js';
import { MICROS_PER_MILLISECOND, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { nameOf, type AccountName } from './account-name.js';
import { leaseUntil, lockPace, readPace, slowPaceDown, type PaceRow } from './stripe-pace.store.js';

/** Stripe's documented limits on writes, less what reads need of the one in test mode, 25 in all. */
const LIVE_CALLS_PER_SECOND = 1_000;
const TEST_CALLS_PER_SECOND = 20;
/** After a 429 the pace halves; each second after that gives a twentieth of the full pace back. */
const SLOWED_BY = 2;
const STEP = 0.05;
/** How far ahead calls are given out: long enough to hide a claim, short enough to slow down soon. */
const LEASE_AHEAD_MAX_S = 3;
/** Of a second: what may be called at once after a delay of this process. */
const BURST_S = 0.2;
/** What a process that fell behind may make up for, within what it has leased. */
const CATCH_UP = 1.1;
/** By then what is left of a lease is lost: its time is over, and others have theirs. */
const LATE_MAX_MS = 500;

/** How many calls can be leased now, and from when on. */
export interface PaceOffer {
  readonly calls: number;
  /** Where there are none: until there is one again, in milliseconds. */
  readonly waitMs: number;
  readonly callsPerSecond: number;
  readonly now: Micros;
  readonly start: Micros;
}

/** Calls that this process may make in a time of its own, of `performance.now()`. */
export interface PaceLease {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly calls: number;
}

interface HeldLease extends Omit<PaceLease, 'calls'> {
  left: number;
}

/**
 * The pace of writes to a Stripe account in one mode, over all processes: each leases the calls of
 * the next moments from one row, one behind the other, and spreads its own.
 */
@Injectable()
export class StripePace {
  private readonly buckets = new Map<string, TokenBucket>();
  /** What this process may call, in the order of time. */
  private readonly leases = new Map<string, HeldLease[]>();
  /** When this process slowed an account down last, of `performance.now()`. */
  private readonly slowedAtMs = new Map<string, number>();

  constructor(
    private readonly config: Config,
    private readonly db: Database,
  ) {}

  /** Calls per second to an account that was not slowed down. */
  permitted({ livemode }: Pick<AccountName, 'livemode'>): number {
    const standard = livemode ? LIVE_CALLS_PER_SECOND : TEST_CALLS_PER_SECOND;
    return this.config.STRIPE_CALLS_PER_SECOND ?? standard;
  }

  /** Locks the account's row until the transaction ends; only then the time is to be looked at. */
  async lock(tx: Transaction, account: AccountName): Promise<PaceRow> {
    return lockPace(tx, account);
  }

  offer(account: AccountName, row: PaceRow, now: Micros): PaceOffer {
    const callsPerSecond = paceAt(row, now, this.permitted(account));
    const end = now + LEASE_AHEAD_MAX_S * MICROS_PER_SECOND;
    // Further ahead than anything is leased: the database's clock went back.
    const isStale = row.leasedUntil > end + MICROS_PER_SECOND;
    const start = isStale ? now : Math.max(now, row.leasedUntil);
    const calls = Math.floor(((end - start) / MICROS_PER_SECOND) * callsPerSecond);
    const wait = start + MICROS_PER_SECOND / callsPerSecond - end;
    const waitMs = Math.max(1, Math.ceil(wait / MICROS_PER_MILLISECOND));
    return { calls: Math.max(0, calls), waitMs, callsPerSecond, now, start };
  }

  /** Takes calls of an offer, in the transaction that it was made in. */
  async lease(
    tx: Transaction,
    account: AccountName,
    offer: PaceOffer,
    calls: number,
  ): Promise<PaceLease> {
    const { callsPerSecond, now, start } = offer;
    const until = start + Math.ceil((calls / callsPerSecond) * MICROS_PER_SECOND);
    await leaseUntil(tx, account, until);
    const nowMs = performance.now();
    const afterMs = (instant: Micros): number => nowMs + (instant - now) / MICROS_PER_MILLISECOND;
    this.bucket(account).tokensPerInterval = callsPerSecond * CATCH_UP;
    return { startsAtMs: afterMs(start), endsAtMs: afterMs(until), calls };
  }

  /** Makes the calls of a lease its process's, once it is committed. */
  keep(account: AccountName, { calls, ...lease }: PaceLease): void {
    this.leasesOf(account).push({ ...lease, left: calls });
  }

  /**
   * Waits for the next call that this process may make.
   *
   * @param waiting How many calls wait for one, should their leases be over.
   */
  async turn(account: AccountName, waiting: number): Promise<void> {
    const leases = this.leasesOf(account);
    for (;;) {
      const [lease] = leases;
      if (lease === undefined) await this.renew(account, waiting);
      else if (lease.left === 0 || performance.now() > lease.endsAtMs + LATE_MAX_MS) leases.shift();
      else {
        lease.left--;
        const waitMs = lease.startsAtMs - performance.now();
        if (waitMs > 0) await sleep(waitMs);
        await this.bucket(account).removeTokens(1);
        return;
      }
    }
  }

  /** Halves the pace, for all processes; those that do not know it yet will at their next lease. */
  async slowDown(account: AccountName): Promise<void> {
    const name = nameOf(account);
    const nowMs = performance.now();
    if (nowMs - (this.slowedAtMs.get(name) ?? -Infinity) < 1_000) return;
    this.slowedAtMs.set(name, nowMs);
    const now = await timeOfDay(this.db.work);
    const row = await readPace(this.db.work, account);
    if (row === undefined) return;
    const to = Math.max(1, paceAt(row, now, this.permitted(account)) / SLOWED_BY);
    if (await slowPaceDown(this.db.work, account, { to, at: now })) {
      this.bucket(account).tokensPerInterval = to;
    }
  }

  private async renew(account: AccountName, calls: number): Promise<void> {
    const got = await this.db.work.transaction(async (tx) => {
      const row = await this.lock(tx, account);
      const offer = this.offer(account, row, await timeOfDay(tx));
      if (offer.calls === 0) return offer;
      const limit = Math.ceil(offer.callsPerSecond);
      return this.lease(tx, account, offer, Math.min(calls, limit, offer.calls));
    });
    if ('waitMs' in got) await sleep(got.waitMs);
    else this.keep(account, got);
  }

  private leasesOf(account: AccountName): HeldLease[] {
    const name = nameOf(account);
    let leases = this.leases.get(name);
    if (leases === undefined) {
      leases = [];
      this.leases.set(name, leases);
    }
    return leases;
  }

  private bucket(account: AccountName): TokenBucket {
    const name = nameOf(account);
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      const tokensPerInterval = this.permitted(account);
      const bucketSize = Math.max(1, Math.floor(tokensPerInterval * BURST_S));
      bucket = new TokenBucket({ bucketSize, tokensPerInterval, interval: 'second' });
      this.buckets.set(name, bucket);
    }
    return bucket;
  }
}

/** Calls per second at an instant: what it was slowed down to, and a step more for each second since. */
export function paceAt(
  { slowedTo, slowedAt }: Pick<PaceRow, 'slowedTo' | 'slowedAt'>,
  now: Micros,
  permitted: number,
): number {
  if (slowedTo === null || slowedAt === null) return permitted;
  const steps = Math.max(0, Math.floor((now - slowedAt) / MICROS_PER_SECOND));
  return Math.min(permitted, Number(slowedTo) + steps * STEP * permitted);
}
