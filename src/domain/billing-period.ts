import { LRUCache } from 'lru-cache';
import { Temporal } from 'temporal-polyfill';
import { MICROS_PER_DAY } from './instant.js';
import type { Micros } from './instant.js';

export const INTERVALS = ['day', 'week', 'month', 'year'] as const;
export type Interval = (typeof INTERVALS)[number];

/** Boundaries fall at anchor + n intervals, n any integer, by the clock and calendar of the time zone. */
export interface Schedule {
  readonly interval: Interval;
  readonly intervalCount: number;
  readonly anchor: Micros;
  /** An IANA name, as `isTimezone` accepts it. */
  readonly timezone: string;
}

/** Half-open: `end` belongs to the next period. */
export interface BillingPeriod {
  readonly start: Micros;
  readonly end: Micros;
}

/** Segments in order: schedule i holds from effectiveFrom_i (the first is -Infinity) until the next one's. */
export interface ScheduleTimeline {
  readonly segments: readonly { readonly effectiveFrom: Micros; readonly schedule: Schedule }[];
}

/** UTC calendar months. The anchor is a Monday, so that weeks are weeks from Monday. */
export const DEFAULT_SCHEDULE: Schedule = Object.freeze({
  interval: 'month',
  intervalCount: 1,
  anchor: Date.UTC(2024, 0, 1) * 1_000,
  timezone: 'UTC',
});

/** Only for a first guess at n, which is then put right: mean lengths in the Gregorian calendar. */
const MEAN_INTERVAL_DAYS = { day: 1, week: 7, month: 365.2425 / 12, year: 365.2425 } as const;

/**
 * One period costs about 30 us of calendar work, one that is remembered less than 1 us.
 * Bounds: 5,000 schedules (customers may each have an anchor of their own) of
 * 64 periods each, together at most some 30 MB.
 */
const REMEMBERED_SCHEDULES = 5_000;
const REMEMBERED_PERIODS = 64;

/** Sorted by start; not necessarily adjacent. */
const rememberedPeriods = new LRUCache<string, BillingPeriod[]>({ max: REMEMBERED_SCHEDULES });

/**
 * The period of the schedule that contains the instant; there is exactly one.
 * @throws RangeError for a schedule that is none, or a boundary that Micros cannot hold.
 */
export function periodContaining(schedule: Schedule, at: Micros): BillingPeriod {
  const { interval, intervalCount, anchor, timezone } = schedule;
  const key = `${interval} ${intervalCount} ${anchor} ${timezone}`;
  let periods = rememberedPeriods.get(key);
  if (periods === undefined) {
    periods = [];
    rememberedPeriods.set(key, periods);
  }
  const following = indexOfFirstAfter(periods, at);
  const nearest = periods[following - 1];
  if (nearest !== undefined && at < nearest.end) return nearest;

  const period = computePeriod(schedule, at);
  if (periods.length < REMEMBERED_PERIODS) {
    periods.splice(following, 0, period);
  } else {
    periods.splice(0, periods.length, period);
  }
  return period;
}

/** What `periodContaining` remembers: the same answer, from the calendar. */
export function computePeriod(schedule: Schedule, at: Micros): BillingPeriod {
  const { interval, intervalCount, anchor } = schedule;
  if (!Number.isSafeInteger(intervalCount) || intervalCount < 1) {
    throw new RangeError(`interval count must be a positive integer, not ${intervalCount}`);
  }
  if (!Number.isSafeInteger(at)) throw new RangeError(`not an instant: ${at}`);

  const boundary = boundariesOf(schedule);
  const meanLength = intervalCount * MEAN_INTERVAL_DAYS[interval] * MICROS_PER_DAY;
  let n = Math.floor((at - anchor) / meanLength);
  let start = boundary(n);
  while (at < start) start = boundary(--n);
  let end = boundary(n + 1);
  // Also passes over an interval of no length: a whole local day may be missing from a time zone.
  while (end <= at) {
    start = end;
    n += 1;
    end = boundary(n + 1);
  }
  return Object.freeze({ start, end });
}

/**
 * The schedule's period at the instant, cut to the segment that the instant lies in: after a change
 * comes a stub that lasts until the new schedule's next boundary.
 */
export function periodInTimeline(timeline: ScheduleTimeline, at: Micros): BillingPeriod {
  const { segments } = timeline;
  const index = segments.findLastIndex((segment) => segment.effectiveFrom <= at);
  const segment = segments[index];
  if (segment === undefined) throw new RangeError(`no schedule holds at ${at}`);

  const period = periodContaining(segment.schedule, at);
  const until = segments[index + 1]?.effectiveFrom ?? Infinity;
  if (segment.effectiveFrom <= period.start && period.end <= until) return period;
  return {
    start: Math.max(period.start, segment.effectiveFrom),
    end: Math.min(period.end, until),
  };
}

/** Names of the time zone database only: an offset such as `+01:00` knows no daylight saving time. */
export function isTimezone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/.test(name)) return false;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Boundary n of a schedule, always counted from the anchor itself, so that a month's end comes back
 * after a shorter month: 31 January, 29 February, 31 March. A local time that does not exist moves
 * forward by the gap; of two the earlier is taken, but boundary 0 is the anchor whichever it is.
 */
function boundariesOf(schedule: Schedule): (n: number) => Micros {
  const { interval, intervalCount, anchor, timezone } = schedule;
  const localAnchor = Temporal.Instant.fromEpochNanoseconds(BigInt(anchor) * 1_000n)
    .toZonedDateTimeISO(timezone)
    .toPlainDateTime();
  return (n) => {
    if (n === 0) return anchor;
    const local = localAnchor.add({ [`${interval}s`]: n * intervalCount });
    const nanoseconds = local.toZonedDateTime(timezone).epochNanoseconds;
    const micros = Number(nanoseconds / 1_000n);
    if (!Number.isSafeInteger(micros))
      throw new RangeError(`a boundary is out of range: ${local.toString()}`);
    return micros;
  };
}

/** Binary search for the first period that starts after the instant. */
function indexOfFirstAfter(periods: readonly BillingPeriod[], at: Micros): number {
  let low = 0;
  let high = periods.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = periods[middle]?.start ?? Infinity;
    if (start <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
