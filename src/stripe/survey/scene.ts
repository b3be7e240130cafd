import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOk, type Answer } from './answer.js';
import type { SurveyWire } from './wire.js';

/** Begins the event name of every meter that a survey makes. */
export const EVENT_PREFIX = 'countonce_doctor_';
const EVENTS = '/v1/billing/meter_events';
const METERS = '/v1/billing/meters';
const MINUTE_S = 60;
/** Where the minutes begin that events are put into, before now. */
const START_BEFORE_S = 3 * 3_600;
/** Reads that show nothing before nothing is believed: a replica may be behind. */
const READS = 3;

export type MeterRole = 'sum' | 'other' | 'last';
const FORMULAS = { sum: 'sum', other: 'sum', last: 'last' } as const;

/** An event of the survey, which has a minute of its own where nothing else is said. */
export interface SurveyEvent {
  readonly meter: MeterRole;
  readonly customer?: string;
  /** Nothing leaves it out. */
  readonly value?: string | undefined;
  readonly identifier?: string;
  /** Unix seconds. */
  readonly timestamp?: number;
  /** In the place of the one that belongs to the role. */
  readonly eventName?: string;
  /** Leaves the customer out. */
  readonly customerless?: true;
  readonly key?: string;
}

/** An event that was sent, with all that was left open filled in. */
export interface SentEvent {
  readonly event: SurveyEvent & { readonly identifier: string; readonly timestamp: number };
  readonly answer: Answer;
}

/** The survey could not get what it works with. */
export class SurveyNotPossible extends Error {
  override readonly name = 'SurveyNotPossible';
}

/** Meters and customers that are thrown away afterwards. */
export class SurveyScene {
  readonly prefix = `${EVENT_PREFIX}${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  /** Whether summaries showed what was sent in time, so that nothing shown means something. */
  isReadable = false;
  /** What got a 200 and was not counted. */
  readonly refusedLater: SentEvent[] = [];
  private readonly meterIds = new Map<MeterRole, string>();
  private readonly customerIds: string[] = [];
  private nextMinute = 0;
  private now = 0;

  constructor(private readonly wire: SurveyWire) {}

  /** @throws SurveyNotPossible telling what Stripe did not give. */
  async setUp(): Promise<void> {
    for (const [role, formula] of Object.entries(FORMULAS)) {
      const answer = await this.wire.post(METERS, {
        display_name: 'countonce doctor, to be thrown away',
        event_name: this.eventName(role as MeterRole),
        default_aggregation: { formula },
      });
      this.meterIds.set(role as MeterRole, made(answer, 'a meter'));
      this.now = Math.floor(Date.parse(String(answer.body['date'])) / 1_000);
    }
    for (let count = 0; count < 2; count++) {
      const description = 'countonce doctor, to be thrown away';
      const answer = await this.wire.post('/v1/customers', { description });
      this.customerIds.push(made(answer, 'a customer'));
    }
    this.nextMinute = Math.floor((this.now - START_BEFORE_S) / MINUTE_S) * MINUTE_S;
  }

  /** @returns What could not be taken away. */
  async cleanUp(): Promise<string[]> {
    const wire = this.wire.withoutSignal();
    const left: string[] = [];
    const take = async (id: string, away: () => Promise<Answer>): Promise<void> => {
      const status = await away().then(
        (answer) => answer.status,
        () => 0,
      );
      // A step may have deactivated a meter before.
      if (status === 0 || status === 429 || status >= 500) left.push(id);
    };
    for (const id of this.meterIds.values()) {
      await take(id, () => wire.post(`${METERS}/${id}/deactivate`, {}));
    }
    for (const id of this.customerIds) await take(id, () => wire.delete(`/v1/customers/${id}`));
    return left;
  }

  eventName(role: MeterRole): string {
    return `${this.prefix}_${role}`;
  }

  meterId(role: MeterRole): string {
    return this.meterIds.get(role)!;
  }

  get customer(): string {
    return this.customerIds[0]!;
  }

  get otherCustomer(): string {
    return this.customerIds[1]!;
  }

  /** Stripe's, as of the beginning. */
  get nowSeconds(): number {
    return this.now;
  }

  /** The start of a minute that nothing else uses. */
  minute(): number {
    const minute = this.nextMinute;
    this.nextMinute += MINUTE_S;
    return minute;
  }

  /** Completes an event and sends it. */
  async send(event: SurveyEvent): Promise<SentEvent> {
    const { identifier = randomUUID(), timestamp = this.minute() } = event;
    const whole = { ...event, identifier, timestamp };
    const answer = await this.wire.post(EVENTS, this.form(whole), {
      key: event.key ?? randomUUID(),
    });
    return { event: whole, answer };
  }

  /** As v1 takes it. */
  form(event: SentEvent['event']) {
    const { meter, eventName = this.eventName(meter), customer = this.customer } = event;
    const payload: Record<string, string> = {};
    if (event.customerless !== true) payload['stripe_customer_id'] = customer;
    if (event.value !== undefined) payload['value'] = event.value;
    const { identifier, timestamp } = event;
    return { event_name: eventName, identifier, timestamp, payload };
  }

  /** What a meter shows of whole minutes; nothing where Stripe does not show it. */
  async total(
    meter: MeterRole,
    start: number,
    { end = start + MINUTE_S, customer = this.customer } = {},
  ): Promise<number | undefined> {
    const path = `${METERS}/${this.meterId(meter)}/event_summaries`;
    const answer = await this.wire.get(path, { customer, start_time: start, end_time: end });
    if (!isOk(answer)) return undefined;
    const [summary] = (answer.body['data'] ?? []) as { aggregated_value?: number }[];
    return summary?.aggregated_value ?? 0;
  }

  /** What a minute shows in one of a few reads; 0 where none shows anything. */
  async shown(meter: MeterRole, timestamp: number): Promise<number> {
    const start = Math.floor(timestamp / MINUTE_S) * MINUTE_S;
    for (let reads = 0; reads < READS; reads++) {
      const value = await this.total(meter, start);
      if (value !== undefined && value !== 0) return value;
    }
    return 0;
  }

  pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return sleep(ms, undefined, signal === undefined ? {} : { signal });
  }
}

function made(answer: Answer, what: string): string {
  const { id } = answer.body;
  if (isOk(answer) && typeof id === 'string') return id;
  const told = `${answer.status} ${answer.message ?? ''}`.trim();
  throw new SurveyNotPossible(`Stripe did not make ${what}: ${told}`);
}
