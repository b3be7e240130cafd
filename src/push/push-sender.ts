import { Injectable, Logger } from '@nestjs/common';
import { Config } from '../config/config.js';
import { violatedConstraint } from '../database/connections.js';
import { Database } from '../database/database.js';
import { PushTarget, type SendOutcome } from '../stripe/push-target.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { claimPushes, settlePush, type ClaimedPush } from './push-send.store.js';
import { ACCOUNT_PAUSE_S, idempotencyKey, settle } from './push-settlement.js';

const CALLS_AT_ONCE = 32;
/** What is claimed at once is called within this time at the account's pace, well inside a lease. */
const BATCH_SECONDS = 10;
const BATCH_MAX = 256;
/** A claimed push that did not get its turn by then is given back unsent. */
const TURN_WAIT_MAX_MS = 60_000;

/** Sends the pushes that are due, and writes down what came of each. */
@Injectable()
export class PushSender {
  private readonly logger = new Logger(PushSender.name);
  /** Accounts that refused their key, and until when they are left alone (unix milliseconds). */
  private readonly pausedUntil = new Map<string, number>();
  private isStopping = false;

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: StripeAccounts,
    private readonly target: PushTarget,
  ) {}

  /** Lets the calls on their way end and gives back the rest unsent. */
  stop(): void {
    this.isStopping = true;
  }

  /**
   * Sends what is due, once each.
   *
   * @returns How many calls were made; 0 where nothing was due that another process does not have.
   * @throws StripeUnavailable where Stripe has to be asked for its account and does not answer.
   */
  async send(tenantId: string): Promise<number> {
    const account = await this.accounts.of(tenantId);
    if (account === undefined || this.isPaused(account)) return 0;
    const pushes = await this.claim(tenantId, account);
    const claimedAt = performance.now();
    const queue = pushes.values();
    const callers = Array.from({ length: Math.min(CALLS_AT_ONCE, pushes.length) }, async () => {
      for (const push of queue) await this.sendOne(tenantId, account, push, claimedAt);
    });
    const results = await Promise.allSettled(callers);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return pushes.length;
  }

  private async claim(tenantId: string, account: StripeAccount): Promise<ClaimedPush[]> {
    const { accountId, livemode } = account;
    const { PUSH_RESEND_WINDOW_SECONDS: resendWindowSeconds, stripeCallsPerSecond } = this.config;
    const limit = Math.min(BATCH_MAX, stripeCallsPerSecond * BATCH_SECONDS);
    const request = { accountId, livemode, resendWindowSeconds, limit };
    try {
      return await this.db.work.transaction((tx) => claimPushes(tx, tenantId, request));
    } catch (error) {
      // Another sender was faster with a push of the same Stripe customer.
      if (violatedConstraint(error) === 'push_in_flight_key') return [];
      throw error;
    }
  }

  private async sendOne(
    tenantId: string,
    account: StripeAccount,
    push: ClaimedPush,
    claimedAt: number,
  ): Promise<void> {
    const outcome = await this.call(account, push, claimedAt);
    const settlement = settle(push, outcome, Math.random());
    const isWritten = await settlePush(this.db.work, tenantId, push, settlement);
    if (!isWritten)
      this.logger.warn(`push ${push.identifier}: the lease ran out before its answer`);
    else this.report(account, push, outcome);
  }

  private async call(
    account: StripeAccount,
    push: ClaimedPush,
    claimedAt: number,
  ): Promise<SendOutcome> {
    if (this.isStopping) return notSent('the process is stopping');
    if (this.isPaused(account)) return notSent('the account is paused');
    if (performance.now() - claimedAt > TURN_WAIT_MAX_MS) return notSent('no turn in time');
    return this.target.send(account, push, idempotencyKey(push.identifier, push.keyNo));
  }

  private isPaused(account: StripeAccount): boolean {
    return (this.pausedUntil.get(nameOf(account)) ?? 0) > Date.now();
  }

  private report(account: StripeAccount, push: ClaimedPush, outcome: SendOutcome): void {
    switch (outcome.kind) {
      case 'account_refused':
        this.pausedUntil.set(nameOf(account), Date.now() + ACCOUNT_PAUSE_S * 1_000);
        this.logger.error(
          `Stripe refuses the key of ${account.accountId}, pushes stop: ${outcome.message}`,
        );
        break;
      case 'identifier_taken':
        if (push.unknownAttempts > 0) break;
        this.logger.error(
          `push ${push.identifier}: its identifier was taken before its first call`,
        );
        break;
      case 'idempotency_mismatch':
        this.logger.error(`push ${push.identifier}: its key was used before with another body`);
        break;
      case 'refused':
        this.logger.error(`push ${push.identifier} is refused: ${outcome.code} ${outcome.message}`);
        break;
      default:
    }
  }
}

function notSent(why: string): SendOutcome {
  return { kind: 'try_later', why, tooFast: false };
}

function nameOf({ accountId, livemode }: StripeAccount): string {
  return `${accountId} ${livemode}`;
}
