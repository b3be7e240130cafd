import type { Config } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { PushChanges } from '../../src/push/push-changes.js';
import { PushClaimer } from '../../src/push/push-claimer.js';
import { PushInterval } from '../../src/push/push-interval.js';
import { PushPlanner } from '../../src/push/push-planner.js';
import { PushReader } from '../../src/push/push-reader.js';
import { PushSender } from '../../src/push/push-sender.js';
import { PushWorker } from '../../src/push/push-worker.js';
import { StripeSideReader } from '../../src/push/stripe-side.js';
import { FileAccounts, FileMeters } from '../../src/stripe/file-site.js';
import { FileTarget } from '../../src/stripe/file-target.js';
import type { PushTarget } from '../../src/stripe/push-target.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import { StripeBreaker } from '../../src/stripe/stripe-breaker.js';
import { StripeMeterEvents } from '../../src/stripe/stripe-meter-events.js';
import { StripeMeters } from '../../src/stripe/stripe-meters.js';
import { StripePace } from '../../src/stripe/stripe-pace.js';
import { StripeReads } from '../../src/stripe/stripe-reads.js';
import { StripeSummaries } from '../../src/stripe/stripe-summaries.js';
import { StripeV2MeterEvents } from '../../src/stripe/stripe-v2-meter-events.js';

export interface PushProcess {
  readonly accounts: StripeAccounts;
  readonly meters: StripeMeters;
  readonly planner: PushPlanner;
  readonly pace: StripePace;
  readonly breaker: StripeBreaker;
  readonly claimer: PushClaimer;
  readonly sender: PushSender;
  readonly reader: PushReader;
  readonly interval: PushInterval;
  readonly changes: PushChanges;
  readonly worker: PushWorker;
}

/** The services of one process, as the module wires them. */
export function pushProcess(
  db: Database,
  config: Readonly<Config>,
  otherTarget?: PushTarget,
): PushProcess {
  const accounts = new StripeAccounts(db, config);
  const meters = new StripeMeters(db, accounts);
  const isFile = config.PUSH_TARGET === 'file';
  const pushAccounts = isFile ? new FileAccounts() : accounts;
  const pushMeters = isFile ? new FileMeters(db) : meters;
  const planner = new PushPlanner(db, new StripeSideReader(pushAccounts, pushMeters, config));
  const pace = new StripePace(config, db);
  const metrics = new Metrics();
  const breaker = new StripeBreaker(metrics);
  const target = otherTarget ?? targetOf(db, config, pace, metrics);
  const claimer = new PushClaimer(db, config, pace);
  const sender = new PushSender(db, pushAccounts, pace, breaker, claimer, target);
  const summaries = new StripeSummaries(new StripeReads(db, config));
  const reader = new PushReader(db, config, accounts, summaries);
  const interval = new PushInterval(db, config, pushAccounts, pace);
  const changes = new PushChanges(db, pushAccounts);
  const worker = new PushWorker(db, config, planner, sender, interval, changes);
  return {
    accounts,
    meters,
    planner,
    pace,
    breaker,
    claimer,
    sender,
    reader,
    interval,
    changes,
    worker,
  };
}

function targetOf(
  db: Database,
  config: Readonly<Config>,
  pace: StripePace,
  metrics: Metrics,
): PushTarget {
  switch (config.PUSH_TARGET) {
    case 'stripe_v1':
      return new StripeMeterEvents(pace, metrics);
    case 'stripe_v2':
      return new StripeV2MeterEvents(pace, metrics);
    case 'file':
      return new FileTarget(db, config);
  }
}
