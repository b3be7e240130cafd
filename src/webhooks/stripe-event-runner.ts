import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { timeOfDay } from '../database/time-of-day.js';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { settleEvent, type Attempted, type ClaimedEvent } from './stripe-claim.store.js';
import type { HandlerResult, InboxEvent } from './stripe-event-handler.js';
import { StripeEventHandlers } from './stripe-event-handlers.js';
import type { EventOutcome } from './stripe-inbox.store.js';
import { storableText } from './storable-json.js';

/** Twenty times in 28 hours, where the fault may be ours. */
const FAILURES_MAX = 20;
const BACK_OFF_MAX_S = 4 * 3_600;
/** Stripe is down, or its key is being changed: that passes, and is not the event's fault. */
const UNAVAILABLE_BACK_OFF_MAX_S = 5 * 60;
/** What an event waits for is mostly a matter of seconds. */
const WAITING_MAX_S = 60;
const ERROR_LENGTH_MAX = 1_000;

/** Runs one attempt at an event, and writes down what it came to. */
@Injectable()
export class StripeEventRunner {
  private readonly logger = new Logger(StripeEventRunner.name);

  constructor(
    private readonly db: Database,
    private readonly accounts: StripeAccounts,
    private readonly handlers: StripeEventHandlers,
  ) {}

  /** Never throws for what the handler does. */
  async run(event: ClaimedEvent): Promise<EventOutcome> {
    const attempted = await this.attempted(event);
    const isWritten = await settleEvent(
      this.db.work,
      event,
      attempted,
      await timeOfDay(this.db.work),
    );
    if (!isWritten) this.logger.warn(`${event.eventId}: the lease ran out before it was done`);
    else if (attempted.outcome === 'dead') {
      this.logger.error(`${event.eventId} (${event.type}) is given up: ${attempted.lastError}`);
    }
    return attempted.outcome;
  }

  private async attempted(event: ClaimedEvent): Promise<Attempted> {
    try {
      const result = await this.handle(event);
      return afterResult(event, result, await timeOfDay(this.db.work));
    } catch (error) {
      const failed = afterFailure(event, error, await timeOfDay(this.db.work));
      this.logger.warn(`${event.eventId} (${event.type}): ${failed.lastError}`);
      return failed;
    }
  }

  private async handle(event: InboxEvent): Promise<HandlerResult> {
    const handler = this.handlers.of(event.type);
    if (handler === undefined) return ignored('no_handler');
    const account = await this.accounts.of(event.tenantId);
    if (account === undefined) throw new StripeUnavailable('the tenant has no Stripe account');
    const foreign = foreignness(event, account);
    return foreign === undefined ? handler.handle(event, account) : ignored(foreign);
  }
}

/** Why an event is not about the account that the tenant's usage is pushed to. */
function foreignness(event: InboxEvent, account: StripeAccount): string | undefined {
  if (event.livemode !== account.livemode) return 'other_mode';
  const named = event.accountId ?? undefined;
  // The events of an account's own are not marked by its id.
  if (named === undefined) return account.isConnected === true ? 'other_account' : undefined;
  return named === account.accountId ? undefined : 'other_account';
}

function ignored(reason: string): HandlerResult {
  return { outcome: 'ignored', effects: [{ kind: 'ignored', reason }] };
}

function afterResult(event: ClaimedEvent, result: HandlerResult, now: Micros): Attempted {
  const { outcome, effects, fetched } = result;
  const isWaiting = outcome === 'waiting';
  const settled = { effects, fetched, failures: 0 };
  if (isWaiting && now >= event.giveUpAt) {
    const lastError = 'what it waits for did not come in three days';
    return { ...settled, outcome: 'dead', lastError, nextAttemptAt: null };
  }
  const nextAttemptAt = isWaiting ? now + backOff(event.attempts, WAITING_MAX_S) : null;
  return { ...settled, outcome, lastError: null, nextAttemptAt };
}

function afterFailure(event: ClaimedEvent, error: unknown, now: Micros): Attempted {
  const failures = event.failures + 1;
  const isUnavailable = error instanceof StripeUnavailable;
  const isDead = now >= event.giveUpAt || (failures >= FAILURES_MAX && !isUnavailable);
  const longest = isUnavailable ? UNAVAILABLE_BACK_OFF_MAX_S : BACK_OFF_MAX_S;
  const message = error instanceof Error ? error.message : String(error);
  return {
    outcome: isDead ? 'dead' : 'failed',
    effects: undefined,
    fetched: undefined,
    failures,
    lastError: storableText(message.slice(0, ERROR_LENGTH_MAX)),
    nextAttemptAt: isDead ? null : now + backOff(failures, longest),
  };
}

/** Doubles from one second, less up to half of it by chance. */
function backOff(attempts: number, longestS: number): Micros {
  const seconds = Math.min(2 ** (attempts - 1), longestS);
  return Math.round(seconds * (1 - Math.random() / 2) * MICROS_PER_SECOND);
}
