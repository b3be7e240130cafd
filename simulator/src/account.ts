import { BillingBooks } from './billing-books.js';
import { CoreEventLog } from './core-event-log.js';
import type { Customer } from './customer.js';
import { IdempotencyKeys } from './idempotency.js';
import { IdentifierUses } from './identifiers.js';
import { EventLog } from './event-log.js';
import type { Meter } from './meter.js';
import { AttemptCounts } from './attempts.js';
import { Traffic } from './traffic.js';

/** Everything of one account in one mode. Live and sandbox data never meet. */
export class Account {
  /** In order of creation. */
  readonly meters = new Map<string, Meter>();
  readonly metersByEventName = new Map<string, Meter>();
  readonly customers = new Map<string, Customer>();
  /** Ids of customers that are gone; no usage counts for them. */
  readonly deletedCustomers = new Set<string>();
  readonly events = new EventLog();
  /** Starts of windows of rejected events with an error report on its way, unix milliseconds. */
  readonly reportWindows = new Set<number>();
  readonly billing = new BillingBooks();
  readonly coreEvents = new CoreEventLog();
  readonly identifiers = new IdentifierUses();
  /** The two APIs know nothing of each other's keys. */
  readonly idempotencyKeys = { v1: new IdempotencyKeys('v1'), v2: new IdempotencyKeys('v2') };
  readonly attempts = new AttemptCounts();
  readonly traffic = new Traffic();

  constructor(
    readonly id: string,
    readonly livemode: boolean,
  ) {}

  /** Names this account and mode in keys that span accounts. */
  get scope(): string {
    return `${this.id}:${this.livemode ? 'live' : 'test'}`;
  }
}
