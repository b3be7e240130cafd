import { Temporal } from 'temporal-polyfill';
import {
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_QUARTER_HOUR,
  quarterHour,
} from './instant.js';
import type { Micros } from './instant.js';

const USAGE_WINDOWS = ['quarter_hour', 'hour', 'day', 'month'] as const;
export type UsageWindow = (typeof USAGE_WINDOWS)[number];

/** With those that are no stretch of the clock: where it is billed, and all of it. */
export const ASKED_WINDOWS = [...USAGE_WINDOWS, 'period', 'total'] as const;
export type AskedWindow = (typeof ASKED_WINDOWS)[number];

/** Windows of one answer: 11 years of hours, or nearly 3 years of quarter hours. */
export const MAX_WINDOWS = 100_000;

/** Longer than any window of its kind: a day of 47 hours has been, where the date line moved. */
const LONGEST_WINDOW = {
  hour: 3 * MICROS_PER_DAY,
  day: 3 * MICROS_PER_DAY,
  month: 35 * MICROS_PER_DAY,
} as const;

/** `start <= instant < end` reads `instant + offset` on a local clock, itself counted in Micros. */
interface OffsetSpan {
  readonly start: Micros;
  readonly end: Micros;
  readonly offset: Micros;
}

/**
 * Sorted boundaries b0 <= from < b1 < ... <= bn, with bn the first at or after `to`.
 *
 * An hour starts whenever the local clock shows a full hour, so one that is repeated gives two
 * windows, and one that a change of offset starts or ends in the middle of is part of its
 * neighbour. A day or month starts at the local midnight, at the first of two, or, where there is
 * none, at the first instant after it. Quarter hours are the same in every time zone.
 * @throws RangeError for a range that ends before it starts, or that has more than MAX_WINDOWS.
 */
export function windowBoundaries(
  window: UsageWindow,
  timezone: string,
  from: Micros,
  to: Micros,
): Micros[] {
  if (!(from <= to)) throw new RangeError(`a range from ${from} cannot end at ${to}`);
  let boundaries: Micros[] = [];
  for (const start of windowStarts(window, timezone, from)) {
    if (start <= from) {
      boundaries = [start];
      continue;
    }
    boundaries.push(start);
    if (start >= to) break;
    if (boundaries.length > MAX_WINDOWS) {
      throw new RangeError(`more than ${MAX_WINDOWS} windows`);
    }
  }
  return boundaries;
}

/** Without end, beginning at some start at or before `from`. */
function windowStarts(window: UsageWindow, timezone: string, from: Micros): Generator<Micros> {
  if (window === 'quarter_hour') return quarterHourStarts(from);
  const spans = offsetSpans(timezone, from - LONGEST_WINDOW[window]);
  if (window === 'hour') return hourStarts(spans);
  return dateStarts(spans, window === 'day' ? midnightAtOrAfter : firstOfMonthAtOrAfter);
}

function* quarterHourStarts(from: Micros): Generator<Micros> {
  for (let start = quarterHour(from); ; start += MICROS_PER_QUARTER_HOUR) yield start;
}

function* hourStarts(spans: Iterable<OffsetSpan>): Generator<Micros> {
  for (const { start, end, offset } of spans) {
    const firstLocal = Math.ceil((start + offset) / MICROS_PER_HOUR) * MICROS_PER_HOUR;
    for (let at = firstLocal - offset; at < end; at += MICROS_PER_HOUR) yield at;
  }
}

/** Each local date once: one that the clock goes back to has started already. */
function* dateStarts(
  spans: Iterable<OffsetSpan>,
  nextLocal: (local: Micros) => Micros,
): Generator<Micros> {
  let local: Micros | undefined;
  let last = -Infinity;
  for (const { start, end, offset } of spans) {
    local ??= nextLocal(start + offset);
    while (local - offset < end) {
      // A midnight that this span begins after was skipped; so, in places, was the whole day.
      const at = Math.max(local - offset, start);
      if (at > last) yield at;
      last = at;
      local = nextLocal(local + 1);
    }
  }
}

function midnightAtOrAfter(local: Micros): Micros {
  return Math.ceil(local / MICROS_PER_DAY) * MICROS_PER_DAY;
}

function firstOfMonthAtOrAfter(local: Micros): Micros {
  const midnight = new Date(midnightAtOrAfter(local) / 1_000);
  const monthsOn = midnight.getUTCDate() === 1 ? 0 : 1;
  return Date.UTC(midnight.getUTCFullYear(), midnight.getUTCMonth() + monthsOn, 1) * 1_000;
}

/** Lazy, since a search for the next change of offset costs about 0.5 ms. The last one is endless. */
function* offsetSpans(timezone: string, from: Micros): Generator<OffsetSpan> {
  let local = Temporal.Instant.fromEpochNanoseconds(BigInt(from) * 1_000n).toZonedDateTimeISO(
    timezone,
  );
  for (;;) {
    const next = local.getTimeZoneTransition('next');
    yield {
      start: local.epochMilliseconds * 1_000,
      end: next === null ? Infinity : next.epochMilliseconds * 1_000,
      offset: local.offsetNanoseconds / 1_000,
    };
    if (next === null) return;
    local = next;
  }
}
