import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import {
  UnreplicatedCommit,
  violatedConstraint,
  type Transaction,
} from '../database/connections.js';
import { Database } from '../database/database.js';
import { enterGate } from '../database/gate.js';
import { timeOfDay } from '../database/time-of-day.js';
import { tryAgain } from '../database/try-again.js';
import { pushStop } from '../outbox/push-guard.js';
import type { PushAccount } from '../stripe/push-site.js';
import { StripePace, type PaceLease } from '../stripe/stripe-pace.js';
import { claimPushes, expireLeases, stillClaimed, type ClaimedPush } from './push-claim.store.js';
import { duePushes, probePush } from './push-due.store.js';
import { withdrawUnaccepted } from './unsendable-pushes.store.js';

/** What is claimed at once is called within this time, at the account's pace. */
const BATCH_S = 1;
const BATCH_MAX = 1_000;

/** Pushes that this process alone may send, and the time that it has for them. */
export interface Claim {
  readonly pushes: readonly ClaimedPush[];
  readonly lease: PaceLease;
  /** Nothing else was due and free to go. */
  readonly isAll: boolean;
}

/** All calls of the next moments are given out; so many milliseconds until there are some again. */
export interface NoTurns {
  readonly waitMs: number;
}

/** Takes pushes that are due, no more at a time than the account's pace lets go soon. */
@Injectable()
export class PushClaimer {
  /** Tenants whose pushes were planned, or looked through, for the target that is configured now. */
  private readonly sifted = new Set<string>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly pace: StripePace,
  ) {}

  /** @param probe Takes one push alone, rather one whose outcome is not known than another. */
  async claim(
    tenantId: string,
    account: PushAccount,
    probe: boolean,
  ): Promise<Claim | NoTurns | undefined> {
    await this.sift(tenantId);
    const claim = await this.commit(tenantId, (tx) => this.claimIn(tx, tenantId, account, probe));
    if (claim !== undefined && 'lease' in claim) this.pace.keep(account, claim.lease);
    return claim;
  }

  private async commit(
    tenantId: string,
    claimIn: (tx: Transaction) => Promise<Claim | NoTurns | undefined>,
  ): Promise<Claim | NoTurns | undefined> {
    const made: { claim?: Claim | NoTurns | undefined } = {};
    try {
      return await this.db.work.transaction(async (tx) => (made.claim = await claimIn(tx)));
    } catch (error) {
      // Another sender was faster with a push of the same Stripe customer.
      if (violatedConstraint(error) === 'push_in_flight_key') return { waitMs: 1 };
      const { claim } = made;
      // A claim that may not outlive a failover is left alone.
      if (claim === undefined || !('pushes' in claim) || error instanceof UnreplicatedCommit) {
        throw error;
      }
      // Nobody else could send them until the lease has run out.
      const pushes = await tryAgain(() => stillClaimed(this.db.work, tenantId, claim.pushes));
      if (pushes.length === 0) throw error;
      return { ...claim, pushes };
    }
  }

  /** How many pushes are claimed at once. */
  batchSize(callsPerSecond: number): number {
    return Math.max(1, Math.min(BATCH_MAX, Math.ceil(callsPerSecond * BATCH_S)));
  }

  private async claimIn(
    tx: Transaction,
    tenantId: string,
    account: PushAccount,
    probe: boolean,
  ): Promise<Claim | NoTurns | undefined> {
    // A schedule or a mapping that changes takes back what waits: not between our look and our claim.
    const gate = await enterGate(tx, tenantId);
    if ((await pushStop(tx)) !== undefined) return undefined;
    const row = await this.pace.lock(tx, account);
    const now = await timeOfDay(tx);
    await expireLeases(tx, tenantId, now);
    const offer = this.pace.offer(account, row, now);
    if (offer.calls === 0) return { waitMs: offer.waitMs };
    const { PUSH_TARGET: target, pushValues: values } = this.config;
    const resendWindowSeconds = this.config.PUSH_RESEND_WINDOW_SECONDS;
    const limit = Math.min(offer.calls, this.batchSize(offer.callsPerSecond));
    const clockOffsetMicros = gate.now - gate.receivedAt;
    const tenantNow = now + clockOffsetMicros;
    const request = { account, target, values, resendWindowSeconds, now, tenantNow, limit };
    const found = await (probe ? probePush : duePushes)(tx, tenantId, request);
    const dueBy = probe ? Infinity : now;
    const pushes = await claimPushes(tx, tenantId, found, {
      target,
      now,
      clockOffsetMicros,
      dueBy,
    });
    if (pushes.length === 0) return undefined;
    const lease = await this.pace.lease(tx, account, offer, pushes.length);
    return { pushes, lease, isAll: found.length < limit };
  }

  /** Another target may have been configured before, which took values that this one does not. */
  private async sift(tenantId: string): Promise<void> {
    if (this.config.pushValues === 'decimal' || this.sifted.has(tenantId)) return;
    await this.db.work.transaction(async (tx) => {
      await enterGate(tx, tenantId);
      await withdrawUnaccepted(tx, tenantId, await timeOfDay(tx));
    });
    this.sifted.add(tenantId);
  }
}
