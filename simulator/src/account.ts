import type { Customer } from './customer.js';
import { IdempotencyKeys } from './idempotency.js';
import { IdentifierUses } from './identifiers.js';
import { EventLog } from './event-log.js';
import type { Meter } from './meter.js';
import { AttemptCounts } from './attempts.js';

/** Everything of one account in one mode. Live and sandbox data never meet. */
export class Account {
  /** In order of creation. */
  readonly meters = new Map<string, Meter>();
  readonly metersByEventName = new Map<string, Meter>();
  readonly customers = new Map<string, Customer>();
  readonly events = new EventLog();
  readonly identifiers = new IdentifierUses();
  readonly idempotencyKeys = new IdempotencyKeys();
  readonly attempts = new AttemptCounts();

  constructor(
    readonly id: string,
    readonly livemode: boolean,
  ) {}

  /** Names this account and mode in keys that span accounts. */
  get scope(): string {
    return `${this.id}:${this.livemode ? 'live' : 'test'}`;
  }
}
