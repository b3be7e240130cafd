import type { Config } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { PushChanges } from '../../src/push/push-changes.js';
import { PushInterval } from '../../src/push/push-interval.js';
import { PushPlanner } from '../../src/push/push-planner.js';
import { PushSender } from '../../src/push/push-sender.js';
import { PushWorker } from '../../src/push/push-worker.js';
import { StripeSideReader } from '../../src/push/stripe-side.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import { StripeMeterEvents } from '../../src/stripe/stripe-meter-events.js';
import { StripeMeters } from '../../src/stripe/stripe-meters.js';
import { StripePace } from '../../src/stripe/stripe-pace.js';

export interface PushProcess {
  readonly accounts: StripeAccounts;
  readonly meters: StripeMeters;
  readonly planner: PushPlanner;
  readonly sender: PushSender;
  readonly interval: PushInterval;
  readonly changes: PushChanges;
  readonly worker: PushWorker;
}

/** The services of one process, as the module wires them. */
export function pushProcess(db: Database, config: Readonly<Config>): PushProcess {
  const accounts = new StripeAccounts(db, config);
  const meters = new StripeMeters(db, accounts);
  const planner = new PushPlanner(db, new StripeSideReader(accounts, meters));
  const target = new StripeMeterEvents(new StripePace(config));
  const sender = new PushSender(db, config, accounts, target);
  const interval = new PushInterval(db, config);
  const changes = new PushChanges(db, config);
  const worker = new PushWorker(db, config, planner, sender, interval, changes);
  return { accounts, meters, planner, sender, interval, changes, worker };
}
