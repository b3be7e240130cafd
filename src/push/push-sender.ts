import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { PushAccounts, type PushAccount } from '../stripe/push-site.js';
import { PushTarget, type SendOutcome } from '../stripe/push-target.js';
import { StripeBreaker } from '../stripe/stripe-breaker.js';
import { StripePace } from '../stripe/stripe-pace.js';
import type { ClaimedPush } from './push-claim.store.js';
import { PushClaimer } from './push-claimer.js';
import { PushPipeline, type PushFlow } from './push-pipeline.js';
import { PushSettler } from './push-settler.js';
import { ACCOUNT_PAUSE_S, idempotencyKey, settle } from './push-settlement.js';

/** Sends the pushes that are due, and writes down what came of each. */
@Injectable()
export class PushSender {
  private readonly logger = new Logger(PushSender.name);
  /** Of keys that were refused, until when they are left alone (unix milliseconds). */
  private readonly pausedUntil = new WeakMap<object, number>();
  private isStopping = false;

  constructor(
    private readonly db: Database,
    private readonly accounts: PushAccounts,
    private readonly pace: StripePace,
    private readonly breaker: StripeBreaker,
    private readonly claimer: PushClaimer,
    private readonly target: PushTarget,
  ) {}

  /** Lets the calls on their way end and gives back the rest unsent. */
  stop(): void {
    this.isStopping = true;
  }

  /**
   * Sends what is due, once each, until nothing is due that another process does not have.
   *
   * @returns How many calls were made.
   * @throws StripeUnavailable where Stripe has to be asked for its account and does not answer.
   */
  async send(tenantId: string): Promise<number> {
    const account = await this.accounts.of(tenantId);
    if (account === undefined) return 0;
    return new PushPipeline(this.flow(tenantId, account)).run();
  }

  private flow(tenantId: string, account: PushAccount): PushFlow {
    const { pace, breaker, claimer } = this;
    const settler = new PushSettler(this.db.work, tenantId);
    const callsPerSecond = pace.permitted(account);
    return {
      callsPerSecond,
      batchSize: claimer.batchSize(callsPerSecond),
      claim: () => claimer.claim(tenantId, account, breaker.passage(account) === 'one'),
      turn: (waiting) => pace.turn(account, waiting),
      send: (push) => this.sendOne(account, push, settler),
      giveBack: async (push) => {
        await settler.write({ push, settlement: undefined });
      },
      isOpen: () =>
        !this.isStopping && !this.isPaused(account) && breaker.passage(account) !== 'none',
    };
  }

  private async sendOne(
    account: PushAccount,
    push: ClaimedPush,
    settler: PushSettler,
  ): Promise<void> {
    const key = idempotencyKey(push.identifier, push.keyNo);
    const outcome = await this.breaker.pass(account, () => this.target.send(account, push, key));
    // While the answer is written down, no other push of the account is to go the same way.
    if (outcome?.kind === 'account_refused') this.pause(account);
    const settlement = outcome && settle(push, outcome, Math.random());
    const isWritten = await settler.write({ push, settlement });
    if (!isWritten)
      this.logger.warn(`push ${push.identifier}: the lease ran out before its answer`);
    else if (outcome !== undefined) this.report(account, push, outcome);
  }

  private pause(account: PushAccount): void {
    this.pausedUntil.set(account.client ?? account, Date.now() + ACCOUNT_PAUSE_S * 1_000);
  }

  private isPaused(account: PushAccount): boolean {
    return (this.pausedUntil.get(account.client ?? account) ?? 0) > Date.now();
  }

  private report(account: PushAccount, push: ClaimedPush, outcome: SendOutcome): void {
    switch (outcome.kind) {
      case 'account_refused':
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
