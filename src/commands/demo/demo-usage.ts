import { Random } from './random.js';

/** A usage event as it goes over the wire. */
export interface DemoEvent {
  readonly usage_event_id: string;
  readonly customer_id: string;
  readonly meter: string;
  readonly quantity: string;
  readonly occurred_at: string;
}

/** What the demo counts; at Stripe each is a meter with the formula `sum`. */
export const DEMO_METERS = [
  { key: 'requests', aggregation: 'count' },
  { key: 'tokens', aggregation: 'sum' },
  { key: 'peak_seats', aggregation: 'max' },
] as const;

export const DEMO_CUSTOMERS: readonly string[] = Array.from(
  { length: 20 },
  (_, n) => `customer-${String(n + 1).padStart(2, '0')}`,
);

/** Hours in which usage occurs: Stripe is told hour by hour, so few of them keep the demo short. */
const BUSY_HOURS = 6;
const SECONDS_PER_HOUR = 3_600;
const SECONDS_PER_DAY = 86_400;
const LAST_DAY = 20;

/** The month that is billed, and when in it the usage is sent. */
export interface DemoPeriod {
  readonly start: Date;
  readonly end: Date;
  /** What the clocks read while usage is sent. */
  readonly sendingAt: Date;
  /** What they read at the close. */
  readonly closingAt: Date;
}

/** The calendar month of a day; its twentieth lies behind all usage, whatever day it is. */
export function demoPeriod(today: Date): DemoPeriod {
  const [year, month] = [today.getUTCFullYear(), today.getUTCMonth()];
  return {
    start: new Date(Date.UTC(year, month, 1)),
    end: new Date(Date.UTC(year, month + 1, 1)),
    sendingAt: new Date(Date.UTC(year, month, LAST_DAY, 12)),
    closingAt: new Date(Date.UTC(year, month + 1, 1, 2)),
  };
}

/** The same events at every run, but for the month. */
export function demoEvents(period: DemoPeriod, count: number): DemoEvent[] {
  const random = new Random(20);
  const startSeconds = period.start.getTime() / 1_000;
  const hours = Array.from(
    { length: BUSY_HOURS },
    (_, n) => startSeconds + (n * 3 + 1) * SECONDS_PER_DAY + random.below(24) * SECONDS_PER_HOUR,
  );
  return Array.from({ length: count }, (_, n) => {
    const { key } = random.pick(DEMO_METERS);
    const second = random.pick(hours) + random.below(SECONDS_PER_HOUR);
    return {
      usage_event_id: `demo-${String(n).padStart(6, '0')}`,
      customer_id: random.pick(DEMO_CUSTOMERS),
      meter: key,
      quantity: quantityOf(key, random),
      occurred_at: new Date(second * 1_000).toISOString(),
    };
  });
}

function quantityOf(meter: (typeof DEMO_METERS)[number]['key'], random: Random): string {
  if (meter === 'requests') return '1';
  if (meter === 'peak_seats') return String(1 + random.below(200));
  return `${random.below(5_000)}.${1 + random.below(999)}`.replace(/0+$/, '');
}
