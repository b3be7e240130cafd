import type { Recurring } from './price.js';

const DAY_SECONDS = 24 * 60 * 60;
const WEEK_SECONDS = 7 * DAY_SECONDS;

type Interval = Pick<Recurring, 'interval' | 'interval_count'>;

/**
 * The first boundary after an instant, of the boundaries at anchor + n intervals in UTC; unix seconds.
 * A day that a month lacks becomes its last day, as at Stripe.
 */
export function nextBoundary(anchor: number, every: Interval, after: number): number {
  let n = estimate(anchor, every, after);
  while (boundary(anchor, every, n) <= after) n += 1;
  return boundary(anchor, every, n);
}

/** At most the wanted n, and near it. */
function estimate(anchor: number, every: Interval, after: number): number {
  const longest = { day: 1, week: 7, month: 31, year: 366 }[every.interval] * DAY_SECONDS;
  const shortest = { day: 1, week: 7, month: 28, year: 365 }[every.interval] * DAY_SECONDS;
  const elapsed = after - anchor;
  const length = (elapsed < 0 ? shortest : longest) * every.interval_count;
  return Math.floor(elapsed / length) - 1;
}

function boundary(anchor: number, { interval, interval_count: count }: Interval, n: number) {
  switch (interval) {
    case 'day':
      return anchor + n * count * DAY_SECONDS;
    case 'week':
      return anchor + n * count * WEEK_SECONDS;
    case 'month':
      return monthsLater(anchor, n * count);
    case 'year':
      return monthsLater(anchor, n * count * 12);
  }
}

function monthsLater(anchor: number, months: number): number {
  const from = new Date(anchor * 1000);
  const first = Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1) / 1000;
  const month = new Date(first * 1000);
  const days = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0)).getUTCDate();
  const day = Math.min(from.getUTCDate(), days);
  const timeOfDay = ((anchor % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS;
  return first + (day - 1) * DAY_SECONDS + timeOfDay;
}
