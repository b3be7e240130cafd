import { Injectable, Logger } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { readGate } from '../database/gate.js';
import { timeOfDay } from '../database/time-of-day.js';
import { MICROS_PER_MINUTE, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { StripeSummaries } from '../stripe/stripe-summaries.js';
import { withdrawOutdated } from './unsendable-pushes.store.js';
import { agreedSince, judge, pauseBeforeNext, type Verdict } from './push-reading.js';
import {
  claimReadings,
  laterPushes,
  noteAlert,
  noteRead,
  postponeReading,
  queueOverdue,
  type DueReading,
  type LaterPush,
} from './push-reading.store.js';
import { settleReading } from './reading-settlement.js';
import { ceilTo, floorTo } from '../outbox/push-window.js';

const QUEUED_AT_ONCE = 500;
const CLAIMED_AT_ONCE = 20;
/** How long a push is left alone that Stripe cannot be asked about. */
const UNREADABLE_PAUSE = 3_600 * MICROS_PER_SECOND;

/** Reads at Stripe what became of pushes that no answer tells about, and settles them. */
@Injectable()
export class PushReader {
  private readonly logger = new Logger(PushReader.name);

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: StripeAccounts,
    private readonly summaries: StripeSummaries,
  ) {}

  /**
   * Reads each push that is due once.
   *
   * @returns How many were read.
   * @throws StripeUnavailable where Stripe does not answer.
   */
  async read(tenantId: string): Promise<number> {
    const now = await this.queue(tenantId);
    const account = await this.accounts.of(tenantId);
    if (account === undefined) return 0;
    const due = await this.db.work.transaction((tx) =>
      claimReadings(tx, tenantId, now, { ...account, limit: CLAIMED_AT_ONCE }),
    );
    const shown = new Map<string, Promise<boolean>>();
    for (const reading of due) await this.readOne(tenantId, account, reading, shown);
    return due.length;
  }

  /** Finds what cannot be sent any more. */
  private async queue(tenantId: string): Promise<Micros> {
    const window = this.config.PUSH_RESEND_WINDOW_SECONDS;
    const time = await this.db.work.transaction(async (tx) => {
      const { now: ofTenant, receivedAt } = await readGate(tx, tenantId);
      await withdrawOutdated(tx, tenantId, { time: receivedAt, ofTenant });
      return receivedAt;
    });
    // By itself: each has work of its own to add, which everybody adds in one order.
    await this.db.work.transaction((tx) =>
      queueOverdue(tx, tenantId, time, window, QUEUED_AT_ONCE),
    );
    return time;
  }

  private async readOne(
    tenantId: string,
    account: StripeAccount,
    reading: DueReading,
    shown: Map<string, Promise<boolean>>,
  ): Promise<void> {
    const { identifier } = reading;
    // As of before the call: what comes while it is on its way is seen by the next one.
    const now = await timeOfDay(this.db.work);
    const isZero = reading.pushed === '0';
    const from = isZero ? ceilTo(reading.periodStart, MICROS_PER_MINUTE) : undefined;
    const value = await this.minuteOf(account, reading, from).catch((error: unknown) => {
      if (isAboutThis(error)) return undefined;
      throw error;
    });
    if (value === undefined) return this.leaveUnreadable(tenantId, reading, now);
    const stableFor = this.config.READBACK_STABLE_SECONDS * MICROS_PER_SECOND;
    const since = agreedSince(reading, value, now);
    const isProof = value === reading.pushed && value !== '0';
    const isQuiet = !isProof && now - since >= stableFor;
    const laterPushShows =
      isQuiet && (await this.laterPushShows(tenantId, account, reading, shown));
    const verdict = judge(reading, value, { stableFor, laterPushShows, now });
    const nextReadAt = now + pauseBeforeNext(stableFor, now - since);
    await noteRead(this.db.work, tenantId, identifier, {
      value,
      agreedSince: since,
      now,
      nextReadAt,
    });
    await this.act(tenantId, reading, verdict, value, now);
  }

  private async act(
    tenantId: string,
    reading: DueReading,
    verdict: Verdict,
    value: string,
    now: Micros,
  ): Promise<void> {
    const { identifier } = reading;
    // What a later total stands above need not be read, unless Stripe named it: that is found out.
    const isMoot = reading.isOutdated && reading.status !== 'disputed';
    if (verdict === 'counted' || verdict === 'not_counted' || isMoot) {
      await this.db.work.transaction((tx) => settleReading(tx, tenantId, reading, verdict, now));
      return;
    }
    if (verdict !== 'foreign') return;
    await noteAlert(this.db.work, tenantId, identifier, 'foreign_usage');
    this.logger.error(
      `push ${identifier}: its minute shows ${value}, neither 0 nor its value ${reading.pushed}`,
    );
  }

  private minuteOf(
    account: StripeAccount,
    push: Pick<DueReading, 'stripeMeterId' | 'stripeCustomerId' | 'timestamp'>,
    from?: Micros,
  ): Promise<string> {
    const { stripeMeterId, stripeCustomerId, timestamp } = push;
    const minute = floorTo(timestamp, MICROS_PER_MINUTE);
    const start = Math.min(from ?? minute, minute);
    const range = { stripeMeterId, stripeCustomerId, start, end: minute + MICROS_PER_MINUTE };
    return this.summaries.total(account, range, 'settle');
  }

  /** Whether Stripe shows by now what it accepted after this push's last attempt. */
  private async laterPushShows(
    tenantId: string,
    account: StripeAccount,
    reading: DueReading,
    shown: Map<string, Promise<boolean>>,
  ): Promise<boolean> {
    if (reading.lastAttemptAt === null) return false;
    const after = { ...reading, after: reading.lastAttemptAt };
    for (const later of await laterPushes(this.db.work, tenantId, account, after)) {
      const known = shown.get(later.identifier);
      const shows = known ?? this.shows(account, reading.stripeMeterId, later);
      shown.set(later.identifier, shows);
      if (await shows) return true;
    }
    return false;
  }

  private async shows(
    account: StripeAccount,
    stripeMeterId: string,
    later: LaterPush,
  ): Promise<boolean> {
    if (later.isConfirmed) return true;
    try {
      return (await this.minuteOf(account, { ...later, stripeMeterId })) === later.value;
    } catch (error) {
      if (isAboutThis(error)) return false;
      throw error;
    }
  }

  private async leaveUnreadable(
    tenantId: string,
    { identifier }: DueReading,
    now: Micros,
  ): Promise<void> {
    await noteAlert(this.db.work, tenantId, identifier, 'unreadable');
    await postponeReading(this.db.work, tenantId, identifier, now + UNREADABLE_PAUSE);
    this.logger.error(`push ${identifier}: Stripe does not show its minute`);
  }
}

/** Stripe answered, and will not show this: its meter or its customer is gone. */
function isAboutThis(error: unknown): boolean {
  if (!(error instanceof StripeUnavailable)) return false;
  return error.statusCode === 400 || error.statusCode === 404;
}
