import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import {
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_QUARTER_HOUR,
  formatInstant,
  parseInstant,
} from '../../src/domain/instant.js';
import type { Micros } from '../../src/domain/instant.js';
import { MAX_WINDOWS, windowBoundaries } from '../../src/domain/usage-window.js';
import type { UsageWindow } from '../../src/domain/usage-window.js';

/** Offsets off the hour, changes of half an hour, at and near midnight, and days that were skipped. */
const anyTimezone = fc.constantFrom(
  'UTC',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'America/New_York',
  'America/Havana',
  'America/Sao_Paulo',
  'Africa/Casablanca',
  'Asia/Pyongyang',
  'Europe/Berlin',
);

function instant(text: string): Micros {
  const micros = parseInstant(text);
  if (micros === undefined) throw new Error(`not an instant: ${text}`);
  return micros;
}

function range(maxDays: number): fc.Arbitrary<[from: Micros, to: Micros]> {
  const start = instant('2000-01-01T00:00:00Z') / MICROS_PER_QUARTER_HOUR;
  const end = instant('2045-01-01T00:00:00Z') / MICROS_PER_QUARTER_HOUR;
  return fc
    .tuple(fc.integer({ min: start, max: end }), fc.integer({ min: 0, max: maxDays * 96 }))
    .map(([from, length]) => [
      from * MICROS_PER_QUARTER_HOUR,
      (from + length) * MICROS_PER_QUARTER_HOUR,
    ]);
}

function local(micros: Micros, timezone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(micros / 1_000).toZonedDateTimeISO(timezone);
}

/** What a boundary is by definition, asked of the calendar library one instant at a time. */
function startsWindow(window: UsageWindow, timezone: string, at: Micros): boolean {
  if (window === 'quarter_hour') return at % MICROS_PER_QUARTER_HOUR === 0;
  const clock = local(at, timezone);
  if (window === 'hour') return clock.minute === 0 && clock.second === 0;
  if (!clock.equals(clock.startOfDay())) return false;
  const before = local(at - MICROS_PER_MINUTE, timezone);
  return window === 'day' || clock.month !== before.month;
}

const spanDays = { quarter_hour: 3, hour: 12, day: 70, month: 800 } as const;

describe('windowBoundaries', () => {
  const anyQuestion = fc
    .constantFrom<UsageWindow>('quarter_hour', 'hour', 'day', 'month')
    .chain((window) => fc.tuple(fc.constant(window), anyTimezone, range(spanDays[window])));

  it('strictly increases and just covers the range', () => {
    fc.assert(
      fc.property(anyQuestion, ([window, timezone, [from, to]]) => {
        const boundaries = windowBoundaries(window, timezone, from, to);
        expect(boundaries.length).toBeGreaterThanOrEqual(2);
        const [first = NaN, second = NaN] = boundaries;
        expect(first <= from && from < second).toBe(true);
        expect(boundaries.at(-1)).toBeGreaterThanOrEqual(to);
        if (boundaries.length > 2) expect(boundaries.at(-2)).toBeLessThan(to);
        const lengths = boundaries.slice(1).map((end, index) => end - (boundaries[index] ?? NaN));
        expect(lengths.every((length) => length > 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('has a boundary wherever the local clock says so, and nowhere else', () => {
    // Years of transitions are seldom hit by chance: half of the ranges start just before one.
    const nearChange = fc.tuple(anyTimezone, range(0)).map(([timezone, [from]]) => {
      const change = local(from, timezone).getTimeZoneTransition('next');
      const at = change === null ? from : change.epochMilliseconds * 1_000;
      const day = Math.floor(at / MICROS_PER_DAY) * MICROS_PER_DAY;
      return [timezone, day - MICROS_PER_DAY, day + 2 * MICROS_PER_DAY] as const;
    });
    const anywhere = fc
      .tuple(anyTimezone, range(4))
      .map(([timezone, [from, to]]) => [timezone, from, to] as const);
    const anyWindow = fc.constantFrom<UsageWindow>('hour', 'day', 'month');
    fc.assert(
      fc.property(anyWindow, fc.oneof(nearChange, anywhere), (window, [timezone, from, to]) => {
        const boundaries = windowBoundaries(window, timezone, from, to);
        const expected: Micros[] = [];
        const [first = NaN, last = NaN] = [boundaries[0], boundaries.at(-1)];
        for (let at = first; at <= last; at += MICROS_PER_QUARTER_HOUR) {
          if (startsWindow(window, timezone, at)) expected.push(at);
        }
        expect(boundaries).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('agrees with itself: a range is the sum of its parts', () => {
    fc.assert(
      fc.property(anyQuestion, ([window, timezone, [from, to]]) => {
        const whole = windowBoundaries(window, timezone, from, to);
        const middle = whole[Math.floor(whole.length / 2)] ?? NaN;
        if (middle <= from || middle >= to) return;
        const parts = [
          ...windowBoundaries(window, timezone, from, middle),
          ...windowBoundaries(window, timezone, middle, to).slice(1),
        ];
        expect(parts).toEqual(whole);
      }),
    );
  });

  it.each<[string, UsageWindow, string, string, string, string[]]>([
    [
      'an hour that is repeated gives two windows',
      'hour',
      'America/New_York',
      '2026-11-01T05:00Z',
      '2026-11-01T07:00Z',
      ['2026-11-01T05:00Z', '2026-11-01T06:00Z', '2026-11-01T07:00Z'],
    ],
    [
      'an hour that is skipped gives none',
      'hour',
      'America/New_York',
      '2026-03-08T06:00Z',
      '2026-03-08T08:00Z',
      ['2026-03-08T06:00Z', '2026-03-08T07:00Z', '2026-03-08T08:00Z'],
    ],
    [
      'hours of an offset of 5 hours 45 minutes',
      'hour',
      'Asia/Kathmandu',
      '2026-01-01T00:00Z',
      '2026-01-01T01:00Z',
      ['2025-12-31T23:15Z', '2026-01-01T00:15Z', '2026-01-01T01:15Z'],
    ],
    [
      'one hour and a half, where the clock goes back by half an hour',
      'hour',
      'Australia/Lord_Howe',
      '2026-04-04T14:00Z',
      '2026-04-04T16:30Z',
      ['2026-04-04T14:00Z', '2026-04-04T15:30Z', '2026-04-04T16:30Z'],
    ],
    [
      'one hour and a half, where the clock goes forward by half an hour',
      'hour',
      'Australia/Lord_Howe',
      '2026-10-03T14:30Z',
      '2026-10-03T17:00Z',
      ['2026-10-03T14:30Z', '2026-10-03T16:00Z', '2026-10-03T17:00Z'],
    ],
    [
      'a day of 23 hours',
      'day',
      'Europe/Berlin',
      '2026-03-29T00:00Z',
      '2026-03-29T22:00Z',
      ['2026-03-28T23:00Z', '2026-03-29T22:00Z'],
    ],
    [
      'a day without midnight starts at its first instant, 01:00',
      'day',
      'America/Sao_Paulo',
      '2018-11-03T03:00Z',
      '2018-11-05T02:00Z',
      ['2018-11-03T03:00Z', '2018-11-04T03:00Z', '2018-11-05T02:00Z'],
    ],
    [
      'a day with two midnights starts at the first',
      'day',
      'America/Havana',
      '2026-10-31T04:00Z',
      '2026-11-02T05:00Z',
      ['2026-10-31T04:00Z', '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
    ],
    [
      'a day that the clock leaves again after a minute starts once',
      'day',
      'America/St_Johns',
      '2010-11-06T02:30Z',
      '2010-11-08T03:30Z',
      ['2010-11-06T02:30Z', '2010-11-07T02:30Z', '2010-11-08T03:30Z'],
    ],
    [
      'a day that was skipped has no window',
      'day',
      'Pacific/Apia',
      '2011-12-29T10:00Z',
      '2011-12-31T10:00Z',
      ['2011-12-29T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z'],
    ],
    [
      'months over both changes of a year',
      'month',
      'America/New_York',
      '2026-03-01T05:00Z',
      '2026-04-01T04:00Z',
      ['2026-03-01T05:00Z', '2026-04-01T04:00Z'],
    ],
    [
      'a leap February, from and to in the middle of months',
      'month',
      'Asia/Kolkata',
      '2024-01-31T18:15Z',
      '2024-03-01T00:00Z',
      ['2023-12-31T18:30Z', '2024-01-31T18:30Z', '2024-02-29T18:30Z', '2024-03-31T18:30Z'],
    ],
    [
      'quarter hours are UTC everywhere',
      'quarter_hour',
      'Australia/Lord_Howe',
      '2026-04-04T14:45Z',
      '2026-04-04T15:15Z',
      ['2026-04-04T14:45Z', '2026-04-04T15:00Z', '2026-04-04T15:15Z'],
    ],
    [
      'an empty range lies in one window',
      'day',
      'UTC',
      '2026-01-01T00:00Z',
      '2026-01-01T00:00Z',
      ['2026-01-01T00:00Z', '2026-01-02T00:00Z'],
    ],
  ])('%s', (_, window, timezone, from, to, expected) => {
    const seconds = (text: string) => text.replace(/Z$/, ':00Z');
    const boundaries = windowBoundaries(
      window,
      timezone,
      instant(seconds(from)),
      instant(seconds(to)),
    );
    expect(boundaries.map((at) => formatInstant(at).replace(':00.000Z', 'Z'))).toEqual(expected);
  });

  it('counts 8,760 hours and 365 days in a common year, in every time zone', () => {
    const from = instant('2026-01-01T12:00:00Z');
    const to = instant('2027-01-01T12:00:00Z');
    fc.assert(
      fc.property(anyTimezone, (timezone) => {
        const days = windowBoundaries('day', timezone, from, to);
        expect(days.filter((at) => at > from && at <= to)).toHaveLength(365);
        const hours = windowBoundaries('hour', timezone, from, to).slice(1, -1);
        // Lord Howe's two changes of half an hour take one hour's start away.
        const lost = timezone === 'Australia/Lord_Howe' ? 1 : 0;
        const started = hours.filter((at) => at > from && at < to).length;
        const atNoon = startsWindow('hour', timezone, to) ? 1 : 0;
        expect(started + atNoon).toBe(8_760 - lost);
      }),
    );
  });

  it('makes as many windows as it may, and no more', () => {
    const from = instant('2020-01-01T00:00:00Z');
    const whole = from + MAX_WINDOWS * MICROS_PER_HOUR;
    expect(windowBoundaries('hour', 'UTC', from, whole)).toHaveLength(MAX_WINDOWS + 1);
    const more = whole + MICROS_PER_QUARTER_HOUR;
    expect(() => windowBoundaries('hour', 'UTC', from, more)).toThrow('more than 100000 windows');
    expect(() => windowBoundaries('quarter_hour', 'UTC', from, whole)).toThrow(RangeError);
  });

  it('refuses a range that ends before it starts, and an unknown time zone', () => {
    expect(() => windowBoundaries('day', 'UTC', 5, 3)).toThrow('from 5 cannot end at 3');
    expect(() => windowBoundaries('day', 'UTC', 0, NaN)).toThrow(RangeError);
    expect(() => windowBoundaries('day', 'Mars/Olympus_Mons', 0, 0)).toThrow(RangeError);
  });
});
