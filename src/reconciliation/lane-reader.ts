import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { readGate } from '../database/gate.js';
import { MICROS_PER_HOUR, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { StripeSummaries } from '../stripe/stripe-summaries.js';
import { readDeltas, readWhole, type LaneBooks } from './delta-reading.js';
import { InvoiceChecker } from './invoice-check.js';
import { judgeLane, type LaneReading } from './lane-reading.js';
import { laneState, pushesBetween, type LanePush, type ReadLane } from './lane.store.js';
import { MinuteReads } from './minute-reads.js';
import type { LaneResult } from './reconciliation.store.js';
import { readTotals, SharedMinute } from './total-reading.js';

/** Of one lane, before it is said to be unreadable. */
const TRIES = 3;
const PAUSE_MS = 1_000;

/** How closely a lane is looked at: reads are scarce. */
export type ReadDepth = 'hours' | 'whole';

/** Holds one lane against what Stripe shows of it. */
@Injectable()
export class LaneReader {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: StripeAccounts,
    private readonly summaries: StripeSummaries,
    private readonly invoices: InvoiceChecker,
  ) {}

  /** @param depth `whole`: by the hour only where the period as a whole does not agree. */
  async read(tenantId: string, lane: ReadLane, depth: ReadDepth): Promise<LaneResult> {
    // Before anything is read: what is pushed meanwhile makes another state.
    const state = await laneState(this.db.work, tenantId, lane.laneId);
    try {
      const account = await this.accountOf(tenantId, lane);
      if (typeof account === 'string') return unreadable(account, state);
      const { now, receivedAt } = await readGate(this.db.work, tenantId);
      const books = await this.booksOf(tenantId, lane, now);
      const reading = await this.readAt(account, books, depth);
      const verdict = judgeLane(reading, {
        stableFor: this.config.READBACK_STABLE_SECONDS * MICROS_PER_SECOND,
        now: receivedAt,
        sentAt: sendings(books.pushes),
      });
      const moment = { now, asks: depth === 'hours' };
      const invoice = await this.invoices.check(tenantId, account, lane, reading.ours, moment);
      return { verdict, why: null, reading, invoice, state };
    } catch (error) {
      if (!(error instanceof StripeUnavailable || error instanceof SharedMinute)) throw error;
      return unreadable(error.message, state);
    }
  }

  /** The account that the lane's pushes went to, if the tenant's key is still one of it. */
  private async accountOf(tenantId: string, lane: ReadLane): Promise<StripeAccount | string> {
    const account = await this.accounts.of(tenantId);
    if (account === undefined) return 'the tenant has no Stripe key';
    if (account.accountId !== lane.accountId) {
      return `the Stripe key is of ${account.accountId}, the pushes went to ${lane.accountId}`;
    }
    if (account.livemode !== lane.livemode) return 'the Stripe key is of the other mode';
    return account;
  }

  private async booksOf(tenantId: string, lane: ReadLane, now: Micros): Promise<LaneBooks> {
    const from = Math.floor(lane.periodStart / MICROS_PER_HOUR) * MICROS_PER_HOUR;
    const end = Math.ceil(Math.min(lane.periodEnd, now) / MICROS_PER_HOUR) * MICROS_PER_HOUR;
    const to = Math.max(end, from + MICROS_PER_HOUR);
    const pushes = await pushesBetween(this.db.work, tenantId, lane, from, to);
    return { lane, pushes, from, to };
  }

  private async readAt(
    account: StripeAccount,
    books: LaneBooks,
    depth: ReadDepth,
  ): Promise<LaneReading> {
    const reads = new MinuteReads(this.summaries, account, books.lane, 'check');
    const own = books.pushes.filter((push) => push.laneId === books.lane.laneId);
    const isTotal = own.some(({ kind }) => kind === 'total');
    for (let attempt = 1; ; attempt++) {
      try {
        if (isTotal) return await readTotals(books, reads);
        const whole = depth === 'whole' ? await readWhole(books, reads) : undefined;
        return whole ?? (await readDeltas(books, reads));
      } catch (error) {
        const isOver = attempt === TRIES || !(error instanceof StripeUnavailable);
        if (isOver || isAnswer(error)) throw error;
        await new Promise((resume) => setTimeout(resume, PAUSE_MS * attempt));
      }
    }
  }
}

/** Asking again gives the same. */
function isAnswer({ statusCode }: StripeUnavailable): boolean {
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 && statusCode !== 429;
}

function unreadable(why: string, state: string): LaneResult {
  return { verdict: 'unreadable', why, reading: undefined, invoice: null, state };
}

function sendings(pushes: readonly LanePush[]): Map<string, Micros> {
  return new Map(
    pushes.flatMap(({ identifier, lastAttemptAt, deliveredAt }) => {
      const sentAt = lastAttemptAt ?? deliveredAt;
      return sentAt === null ? [] : [[identifier, sentAt] as const];
    }),
  );
}
