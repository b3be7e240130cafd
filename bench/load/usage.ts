import { randomBytes, randomUUID } from 'node:crypto';

const WEEK_MS = 7 * 86_400_000;
const QUANTITY_MAX = 1_000;
/** As many recorded events are kept to be sent again. */
const REMEMBERED_MAX = 50_000;

/** What the events of a job are like. */
export interface UsageShape {
  readonly customers: number;
  readonly meters: number;
  readonly ids: 'random' | 'uuidv7';
  /** Which part of the events was recorded before, from 0 to 1. */
  readonly duplicates: number;
}

export interface SentEvent {
  readonly usageEventId: string;
  readonly customerId: string;
  readonly meter: string;
  readonly quantity: number;
  readonly occurredAt: string;
}

/** Events with new ids. Few customers have most of the usage; the times are those of the last week. */
export function newEvent({ customers, meters, ids }: UsageShape): SentEvent {
  return {
    usageEventId: ids === 'random' ? randomUUID() : uuidV7(),
    customerId: `customer_${1 + Math.floor(customers * Math.random() ** 3)}`,
    meter: `meter_${1 + Math.floor(meters * Math.random())}`,
    quantity: 1 + Math.floor(QUANTITY_MAX * Math.random()),
    occurredAt: new Date(Date.now() - Math.floor(WEEK_MS * Math.random())).toISOString(),
  };
}

/** As the API takes it. No text in it needs an escape, and joining is faster than JSON.stringify. */
export function toJson(event: SentEvent): string {
  return (
    `{"usage_event_id":"${event.usageEventId}","customer_id":"${event.customerId}",` +
    `"meter":"${event.meter}","quantity":${event.quantity},"occurred_at":"${event.occurredAt}"}`
  );
}

/** RFC 9562, 5.7: 48 bits of milliseconds, then random ones. */
function uuidV7(): string {
  const hex = Date.now().toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 0b11]!;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** One request's events. */
export interface Sending {
  readonly body: string;
  readonly fresh: number;
  readonly copies: number;
  /** Of the fresh ones. */
  readonly quantity: number;
  /** To be called once it was answered. */
  recorded(): void;
}

/** Makes requests of new events and of copies of what was recorded. */
export class Usage {
  private readonly remembered: string[] = [];
  private oldest = 0;

  next(shape: UsageShape, events: number): Sending {
    const fresh: string[] = [];
    const copies: string[] = [];
    let quantity = 0;
    for (let i = 0; i < events; i++) {
      const { length } = this.remembered;
      if (shape.duplicates > 0 && length > 0 && Math.random() < shape.duplicates) {
        copies.push(this.remembered[Math.floor(length * Math.random())]!);
      } else {
        const event = newEvent(shape);
        quantity += event.quantity;
        fresh.push(toJson(event));
      }
    }
    return {
      body:
        events === 1 ? (fresh[0] ?? copies[0]!) : `{"events":[${[...fresh, ...copies].join()}]}`,
      fresh: fresh.length,
      copies: copies.length,
      quantity,
      recorded: () => this.remember(fresh),
    };
  }

  private remember(events: readonly string[]): void {
    for (const event of events) {
      if (this.remembered.length < REMEMBERED_MAX) this.remembered.push(event);
      else this.remembered[this.oldest++ % REMEMBERED_MAX] = event;
    }
  }
}
