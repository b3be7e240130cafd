import type { Big } from 'big.js';

/** An event that Stripe counts. Its instants are virtual unix milliseconds unless said otherwise. */
export interface CountedEvent {
  /** Counts over all accounts; a later receipt has a higher number. */
  receipt: number;
  requestId: string;
  eventName: string;
  meterId: string;
  customer: string;
  identifier: string;
  idempotencyKey: string | null;
  /** Exactly as the client sent it. */
  valueText: string;
  value: Big;
  /** Unix seconds. */
  timestamp: number;
  receivedAtMs: number;
  /** By a writer that is not the client under test, ordered over the oracle. */
  foreign: boolean;
  /** From when on summaries show it; `Infinity` until a flush. */
  aggregatedAtMs: number;
  cancelled: boolean;
  /** From when on summaries leave it out; `Infinity` while it stands. */
  uncountedAtMs: number;
}

/** An event that was answered with 200 and never counted. */
export interface RejectedEvent {
  /** A code of Stripe's error reports, such as `meter_event_no_customer_defined`. */
  code: string;
  message: string;
  requestId: string;
  eventName: string;
  meterId: string | null;
  identifier: string;
  idempotencyKey: string | null;
  receivedAtMs: number;
  /** When Stripe found the error; its report comes after that. */
  rejectedAtMs: number;
  /** No error report tells of it. */
  silent: boolean;
}

/** What one account and mode accepted, in order of receipt. */
export class EventLog {
  readonly counted: CountedEvent[] = [];
  readonly rejected: RejectedEvent[] = [];
  readonly #byMeterAndCustomer = new Map<string, CountedEvent[]>();
  #stalledUntilMs = 0;

  count(event: CountedEvent): void {
    this.counted.push(event);
    const lane = laneOf(event.meterId, event.customer);
    const events = this.#byMeterAndCustomer.get(lane);
    if (events) events.push(event);
    else this.#byMeterAndCustomer.set(lane, [event]);
  }

  /** In order of receipt. */
  of(meterId: string, customer: string): readonly CountedEvent[] {
    return this.#byMeterAndCustomer.get(laneOf(meterId, customer)) ?? [];
  }

  /** Nothing that summaries do not show by now is shown before then. */
  stall(nowMs: number, untilMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, untilMs);
    for (const event of this.counted) {
      if (event.aggregatedAtMs > nowMs)
        event.aggregatedAtMs = this.afterStall(event.aggregatedAtMs);
      if (event.uncountedAtMs > nowMs) event.uncountedAtMs = this.afterStall(event.uncountedAtMs);
    }
  }

  /** When something shows that is due then. */
  afterStall(dueMs: number): number {
    return Math.max(dueMs, this.#stalledUntilMs);
  }

  /** Ends every wait for aggregation, of events and of cancellations. */
  flush(nowMs: number): void {
    this.#stalledUntilMs = 0;
    for (const event of this.counted) {
      event.aggregatedAtMs = Math.min(event.aggregatedAtMs, nowMs);
      if (event.cancelled) event.uncountedAtMs = Math.min(event.uncountedAtMs, nowMs);
    }
  }
}

function laneOf(meterId: string, customer: string): string {
  return `${meterId} ${customer}`;
}
