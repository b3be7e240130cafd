import type { Config } from '../src/config/config.js';
import type { Database } from '../src/database/database.js';
import { Recorder } from '../src/ledger/recorder.js';
import { MeterService } from '../src/meters/meter.service.js';
import { CustomerService } from '../src/periods/customer.service.js';
import { PeriodCloser } from '../src/periods/period-closer.js';
import { Metrics } from '../src/metrics/metrics.js';
import { PushChanges } from '../src/push/push-changes.js';
import { PushClaimer } from '../src/push/push-claimer.js';
import { PushInterval } from '../src/push/push-interval.js';
import { PushPlanner } from '../src/push/push-planner.js';
import { PushReader } from '../src/push/push-reader.js';
import { PushReadingWorker } from '../src/push/push-reading.worker.js';
import { PushSender } from '../src/push/push-sender.js';
import { PushWorker } from '../src/push/push-worker.js';
import { StripeSideReader } from '../src/push/stripe-side.js';
import type { PushTarget } from '../src/stripe/push-target.js';
import { StripeBreaker } from '../src/stripe/stripe-breaker.js';
import { StripeMeterEvents } from '../src/stripe/stripe-meter-events.js';
import { StripeMeters } from '../src/stripe/stripe-meters.js';
import { StripePace } from '../src/stripe/stripe-pace.js';
import { StripeSummaries } from '../src/stripe/stripe-summaries.js';
import { foldAll } from '../src/usage/fold.js';
import type { Calls } from './calls.js';
import type { Duty } from './duty.js';
import { Life } from './life.js';
import { mortalDatabase } from './mortal-database.js';
import { StormAccounts } from './storm-accounts.js';
import { StormInbox } from './storm-inbox.js';
import { StormPace, StormReads } from './storm-pace.js';
import { StormReconciliation } from './storm-reconciliation.js';
import { StripeLine, type StripeReach } from './stripe-line.js';
import { WatchedTarget } from './watched-target.js';
import type { Variant } from './variants.js';

export interface Surroundings {
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly reach: StripeReach;
  readonly calls: Calls;
  readonly variant: Variant;
}

/** One process of ours, with connections of its own; any number share a database. */
export class StormProcess {
  readonly life = new Life();
  readonly recorder: Recorder;
  readonly customers: CustomerService;
  readonly meters: MeterService;
  readonly interval: PushInterval;
  private readonly db: Database;
  private readonly closer: PeriodCloser;
  private readonly worker: PushWorker;
  private readonly readingWorker: PushReadingWorker;
  private readonly inbox: StormInbox;
  private readonly reconciliation: StormReconciliation;
  private readonly line: StripeLine;
  private stalling: (() => Promise<void>) | undefined;

  constructor(
    readonly number: number,
    config: Readonly<Config>,
    private readonly around: Surroundings,
  ) {
    const { variant } = around;
    const own = variant.config?.(config) ?? config;
    const db = mortalDatabase(around.databaseUrl, this.life, variant.rewrite);
    this.line = new StripeLine(around.reach, this.life);
    const accounts = new StormAccounts(db, own, this.line);
    const stripeMeters = new StripeMeters(db, accounts);
    const pace = new StormPace(own, db);
    const target = this.target(pace);
    const breaker = new StripeBreaker(new Metrics());
    const claimer = new PushClaimer(db, own, pace);
    const ours = new PushSender(db, accounts, pace, breaker, claimer, target);
    // A wrong one does the same for whoever calls it.
    const sender = (variant.sender?.(db, accounts, target) ?? ours) as PushSender;
    const planner = new PushPlanner(db, new StripeSideReader(accounts, stripeMeters, own));
    this.db = db;
    this.interval = new PushInterval(db, own, accounts, pace);
    const changes = new PushChanges(db, accounts);
    this.worker = new PushWorker(db, own, planner, sender, this.interval, changes);
    const reads = new StormReads(db, own);
    const summaries = new StripeSummaries(reads);
    const reader = new PushReader(db, own, accounts, summaries);
    this.readingWorker = new PushReadingWorker(db, own, reader);
    this.inbox = new StormInbox(db, own, accounts, around.tenantId, variant.handler);
    this.reconciliation = new StormReconciliation(db, own, accounts, stripeMeters, reads);
    this.closer = new PeriodCloser(db, own);
    this.recorder = new Recorder(db, own);
    this.customers = new CustomerService(db, own);
    this.meters = new MeterService(db, stripeMeters);
  }

  /** One turn of each duty; ends early where the process dies. */
  async turn(duties: readonly Duty[]): Promise<void> {
    for (const duty of duties) {
      if (this.life.isOver) return;
      if (this.around.variant.without?.includes(duty) === true) continue;
      await Promise.race([this.perform(duty), this.life.ended]);
    }
  }

  /** Closes all that has ended, as a command does; also what the own clock leaves alone. */
  async close(): Promise<void> {
    const { tenantId } = this.around;
    const scope = { asOf: undefined, customerNo: 0, meterNo: 0, byClock: false };
    await this.closer.finish(tenantId, await this.closer.begin(tenantId, scope));
  }

  /**
   * Has the next call stand still before it is sent, until the given promise resolves.
   *
   * @returns Resolves when it does.
   */
  stallNextCall(until: Promise<void>): Promise<void> {
    return new Promise((begun) => {
      this.stalling = () => {
        begun();
        return until;
      };
    });
  }

  /** Reconciles, and repairs what was found. @returns How many lanes. */
  repair(): Promise<number> {
    return this.reconciliation.repair(this.around.tenantId);
  }

  /** A webhook arrives here. */
  receive(body: Buffer, signature: unknown): Promise<void> {
    return this.inbox.receive(body, signature);
  }

  stallNoCall(): void {
    this.stalling = undefined;
  }

  /** Stripe went away, or came back: connections that were open are not any more. */
  hangUp(): void {
    this.line.destroy();
  }

  async end(): Promise<void> {
    this.line.destroy();
    if (!this.life.isOver) await this.db.end();
  }

  private target(pace: StripePace): PushTarget {
    const { calls, variant } = this.around;
    const takeStall = (): Promise<void> | undefined => {
      const stall = this.stalling;
      this.stalling = undefined;
      return stall?.();
    };
    const stripe = new StripeMeterEvents(pace, new Metrics());
    const watched = new WatchedTarget(stripe, calls, this.life, this.number, takeStall);
    return variant.target?.(watched) ?? watched;
  }

  private async perform(duty: Duty): Promise<void> {
    const { tenantId } = this.around;
    switch (duty) {
      case 'push':
        await this.worker['round'](() => false);
        await this.worker.sent();
        break;
      case 'read':
        await this.readingWorker['round'](() => false);
        break;
      case 'inbox':
        await this.inbox.worker['round'](() => false);
        break;
      case 'reconcile':
        await this.reconciliation.timer.round(() => false);
        break;
      case 'fold':
        await foldAll(this.db.work, tenantId);
        break;
      case 'close':
        await this.closer.resume(tenantId, () => false);
        await this.closer.closeByClock(tenantId, () => false);
        break;
    }
  }
}
