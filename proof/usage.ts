import type { Random } from '../src/commands/demo/random.js';
import type { StoryDay } from './story-clock.js';

/** A usage event as it goes over the wire. */
export interface ProofEvent {
  readonly usage_event_id: string;
  readonly customer_id: string;
  readonly meter: string;
  readonly quantity?: string;
  readonly occurred_at?: string;
  readonly properties?: Readonly<Record<string, string>>;
}

/** All five aggregations; `calls` counts what two others count too. */
export const METERS = [
  { key: 'tokens', aggregation: 'sum', formula: 'sum', dimensions: ['model'] },
  { key: 'requests', aggregation: 'count', formula: 'sum', dimensions: [] },
  { key: 'seats', aggregation: 'max', formula: 'sum', dimensions: [] },
  { key: 'level', aggregation: 'last', formula: 'last', dimensions: [] },
  {
    key: 'users',
    aggregation: 'unique_count',
    formula: 'sum',
    dimensions: [],
    unique_property: 'user',
  },
  {
    key: 'calls',
    aggregation: 'count',
    formula: 'sum',
    dimensions: [],
    event_types: ['tokens', 'requests'],
  },
] as const;

const EVENT_TYPES = ['tokens', 'requests', 'seats', 'level', 'users'] as const;

/** Short periods, of which many end while the proof runs; the last two do not end together. */
export const CUSTOMERS: readonly { readonly id: string; readonly period: object }[] = [
  { id: 'ada', period: { interval: 'day' } },
  { id: 'bob', period: { interval: 'day' } },
  { id: 'cleo', period: { interval: 'day', timezone: 'America/St_Johns' } },
  { id: 'dan', period: { interval: 'day', interval_count: 2, anchor: '2026-01-01T06:00:00Z' } },
];

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Stripe is told hour by hour, so few of them keep the pushes few. Hours before the day's noon. */
const BUSY_HOURS = [1, 4, 10];
const LATE = 0.12;
const WITHOUT_TIME = 0.06;
const OLDEST_DAYS = 3;

/** Something a customer used, today or, late, some days before. */
export function eventOf(id: string, day: StoryDay, random: Random): ProofEvent {
  const meter = random.pick(EVENT_TYPES);
  const customer = random.pick(CUSTOMERS).id;
  const time = random.chance(WITHOUT_TIME)
    ? {}
    : { occurred_at: new Date(occurredMs(day, random)).toISOString() };
  return { usage_event_id: id, customer_id: customer, meter, ...countedOf(meter, random), ...time };
}

/** The same id with something else in it. */
export function corrupted(event: ProofEvent): ProofEvent {
  const others = CUSTOMERS.filter(({ id }) => id !== event.customer_id);
  return { ...event, customer_id: others[event.usage_event_id.length % others.length]!.id };
}

function occurredMs({ number, noonMs }: StoryDay, random: Random): number {
  const daysAgo = random.chance(LATE) ? 1 + random.below(Math.min(OLDEST_DAYS, number + 1)) : 0;
  const hour = noonMs - daysAgo * DAY_MS - random.pick(BUSY_HOURS) * 60 * MINUTE_MS;
  return hour + random.below(50 * MINUTE_MS);
}

function countedOf(
  meter: (typeof EVENT_TYPES)[number],
  random: Random,
): Pick<ProofEvent, 'quantity' | 'properties'> {
  switch (meter) {
    case 'tokens':
      return {
        quantity: `${random.below(5_000)}.${1 + random.below(999)}`.replace(/0+$/, ''),
        properties: { model: random.pick(['large', 'small']) },
      };
    case 'requests':
      return {};
    case 'seats':
    case 'level':
      return { quantity: String(1 + random.below(500)) };
    case 'users':
      return { properties: { user: `user-${random.below(200)}` } };
  }
}
