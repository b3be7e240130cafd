import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_SCHEDULE,
  computePeriod,
  periodContaining,
  periodInTimeline,
} from '../../src/domain/billing-period.js';
import type { Schedule, ScheduleTimeline } from '../../src/domain/billing-period.js';
import { MICROS_PER_DAY, formatInstant, parseInstant } from '../../src/domain/instant.js';
import type { Micros } from '../../src/domain/instant.js';

interface Vector {
  name: string;
  schedule: {
    interval: Schedule['interval'];
    interval_count: number;
    anchor: string;
    timezone: string;
  };
  at: string;
  period_start: string;
  period_end: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/billing-periods.json', import.meta.url), 'utf8'),
) as Vector[];

/** Offsets off the hour, changes of half an hour and at midnight, and days that were skipped. */
const timezones = [
  'UTC',
  'Asia/Kolkata',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kwajalein',
  'America/New_York',
  'America/Havana',
  'America/Sao_Paulo',
  'Africa/Casablanca',
  'Europe/Berlin',
];

function instant(text: string): Micros {
  const micros = parseInstant(text);
  if (micros === undefined) throw new Error(`not an instant: ${text}`);
  return micros;
}

const anyInstant = fc.integer({
  min: instant('1968-01-01T00:00:00Z'),
  max: instant('2080-01-01T00:00:00Z'),
});

const anySchedule: fc.Arbitrary<Schedule> = fc.record({
  interval: fc.constantFrom('day', 'week', 'month', 'year'),
  intervalCount: fc.integer({ min: 1, max: 12 }),
  anchor: anyInstant,
  timezone: fc.constantFrom(...timezones),
});

function local(micros: Micros, timezone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochNanoseconds(BigInt(micros) * 1_000n).toZonedDateTimeISO(
    timezone,
  );
}

describe('the test vectors', () => {
  it.each(vectors)('$name', ({ schedule, at, period_start, period_end }) => {
    const period = periodContaining(
      {
        interval: schedule.interval,
        intervalCount: schedule.interval_count,
        anchor: instant(schedule.anchor),
        timezone: schedule.timezone,
      },
      instant(at),
    );
    expect([formatInstant(period.start), formatInstant(period.end)]).toEqual([
      formatInstant(instant(period_start)),
      formatInstant(instant(period_end)),
    ]);
  });
});

describe('periodContaining', () => {
  it('contains the instant, and neighbours abut', () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, (schedule, at) => {
        const period = periodContaining(schedule, at);
        expect(period.start <= at && at < period.end).toBe(true);
        expect(periodContaining(schedule, period.start)).toEqual(period);
        expect(periodContaining(schedule, period.end - 1)).toEqual(period);
        expect(periodContaining(schedule, period.end).start).toBe(period.end);
        expect(periodContaining(schedule, period.start - 1).end).toBe(period.start);
      }),
      { numRuns: 500 },
    );
  });

  it('puts a later instant into the same period or a later one', () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, anyInstant, (schedule, a, b) => {
        const earlier = periodContaining(schedule, Math.min(a, b));
        const later = periodContaining(schedule, Math.max(a, b));
        expect(earlier.start === later.start || earlier.end <= later.start).toBe(true);
      }),
    );
  });

  it('has a boundary at the anchor', () => {
    fc.assert(
      fc.property(anySchedule, (schedule) => {
        expect(periodContaining(schedule, schedule.anchor).start).toBe(schedule.anchor);
      }),
    );
  });

  it("keeps the anchor's local time of day wherever that day has it", () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, (schedule, at) => {
        const start = local(periodContaining(schedule, at).start, schedule.timezone);
        const wanted = local(schedule.anchor, schedule.timezone).toPlainTime();
        const exists = start.withPlainTime(wanted).toPlainTime().equals(wanted);
        expect(start.toPlainTime().equals(wanted)).toBe(exists);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps the anchor's day of the month, or the last day of a shorter month", () => {
    const midday = fc
      .tuple(fc.integer({ min: 1970, max: 2070 }), fc.integer({ min: 1, max: 31 }))
      .map(([year, day]) => Date.UTC(year, 0, day, 12) * 1_000);
    fc.assert(
      fc.property(midday, fc.integer({ min: 1, max: 12 }), anyInstant, (anchor, count, at) => {
        const schedule = {
          interval: 'month',
          intervalCount: count,
          anchor,
          timezone: 'UTC',
        } as const;
        const start = new Date(periodContaining(schedule, at).start / 1_000);
        const daysOfMonth = new Date(
          Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 0),
        ).getUTCDate();
        const anchorDay = new Date(anchor / 1_000).getUTCDate();
        expect(start.getUTCDate()).toBe(Math.min(anchorDay, daysOfMonth));
      }),
    );
  });

  it('answers the same whatever was asked before', () => {
    // More days than are remembered at once, in any order, of schedules that differ in one thing.
    const base: Schedule = {
      ...DEFAULT_SCHEDULE,
      interval: 'day',
      timezone: 'Australia/Lord_Howe',
    };
    const schedules: Schedule[] = [
      base,
      { ...base, intervalCount: 11 },
      { ...base, interval: 'week' },
      { ...base, anchor: base.anchor + 1 },
      { ...base, timezone: 'Asia/Kolkata' },
    ];
    const anyQuestion = fc.record({
      schedule: fc.constantFrom(...schedules),
      at: fc.integer({ min: base.anchor, max: base.anchor + 400 * MICROS_PER_DAY }),
    });
    const questions = fc.array(anyQuestion, { minLength: 300, maxLength: 600, size: 'max' });
    fc.assert(
      fc.property(questions, (asked) => {
        for (const { schedule, at } of asked) {
          const period = periodContaining(schedule, at);
          expect(period).toStrictEqual(computePeriod(schedule, at));
        }
      }),
      { numRuns: 10 },
    );
  });

  it('hands out periods that no caller can change for the next one', () => {
    expect(Object.isFrozen(periodContaining(DEFAULT_SCHEDULE, DEFAULT_SCHEDULE.anchor))).toBe(true);
  });

  it.each([
    ['a count of none', { intervalCount: 0 }, 'a positive integer, not 0'],
    ['a negative count', { intervalCount: -1 }, 'a positive integer, not -1'],
    ['half an interval', { intervalCount: 0.5 }, 'a positive integer, not 0.5'],
    ['an endless count', { intervalCount: Infinity }, 'a positive integer, not Infinity'],
    ['an unknown time zone', { timezone: 'Mars/Olympus_Mons' }, 'time zone'],
    [
      'a boundary that Micros cannot hold',
      { interval: 'year', intervalCount: 1_000 },
      'a boundary is out of range: 1024-01-01T00:00:00',
    ],
  ] as const)('refuses %s', (_, wrong, why) => {
    const asked = () => periodContaining({ ...DEFAULT_SCHEDULE, ...wrong }, 0);
    expect(asked).toThrow(RangeError);
    expect(asked).toThrow(why);
  });

  it.each([NaN, Infinity, -Infinity, 0.5, Number.MAX_SAFE_INTEGER + 1])('refuses %d', (at) => {
    expect(() => periodContaining(DEFAULT_SCHEDULE, at)).toThrow(`not an instant: ${at}`);
  });
});

describe('periodInTimeline', () => {
  const fromTheTenth: Schedule = {
    interval: 'month',
    intervalCount: 1,
    anchor: instant('2024-01-10T00:00:00Z'),
    timezone: 'UTC',
  };
  const changed: ScheduleTimeline = {
    segments: [
      { effectiveFrom: -Infinity, schedule: DEFAULT_SCHEDULE },
      { effectiveFrom: instant('2026-03-01T00:00:00Z'), schedule: fromTheTenth },
    ],
  };

  it.each([
    ['before the change', '2026-02-28T23:59:59.999999Z', '2026-02-01', '2026-03-01'],
    ['the stub after it', '2026-03-01T00:00:00Z', '2026-03-01', '2026-03-10'],
    ['the end of the stub', '2026-03-09T23:59:59.999999Z', '2026-03-01', '2026-03-10'],
    ['the first whole period', '2026-03-10T00:00:00Z', '2026-03-10', '2026-04-10'],
  ])('%s', (_, at, start, end) => {
    expect(periodInTimeline(changed, instant(at))).toEqual({
      start: instant(`${start}T00:00:00Z`),
      end: instant(`${end}T00:00:00Z`),
    });
  });

  it('cuts off the period that a change in its middle ends', () => {
    const change = instant('2026-03-05T12:00:00Z');
    const timeline: ScheduleTimeline = {
      segments: [
        { effectiveFrom: -Infinity, schedule: DEFAULT_SCHEDULE },
        { effectiveFrom: change, schedule: fromTheTenth },
      ],
    };
    expect(periodInTimeline(timeline, change - 1)).toEqual({
      start: instant('2026-03-01T00:00:00Z'),
      end: change,
    });
    expect(periodInTimeline(timeline, change).start).toBe(change);
  });

  it('contains the instant, abuts, and never crosses a change', () => {
    const anyTimeline = fc
      .tuple(anySchedule, fc.array(fc.tuple(anyInstant, anySchedule), { maxLength: 4 }))
      .map(([first, later]): ScheduleTimeline => {
        const changes = later
          .toSorted(([a], [b]) => a - b)
          .map(([effectiveFrom, schedule]) => ({ effectiveFrom, schedule }));
        return { segments: [{ effectiveFrom: -Infinity, schedule: first }, ...changes] };
      });
    fc.assert(
      fc.property(anyTimeline, anyInstant, (timeline, at) => {
        const period = periodInTimeline(timeline, at);
        expect(period.start <= at && at < period.end).toBe(true);
        expect(periodInTimeline(timeline, period.start)).toEqual(period);
        expect(periodInTimeline(timeline, period.end - 1)).toEqual(period);
        expect(periodInTimeline(timeline, period.end).start).toBe(period.end);
        for (const { effectiveFrom } of timeline.segments) {
          expect(period.start < effectiveFrom && effectiveFrom < period.end).toBe(false);
        }
      }),
    );
  });

  it('refuses an instant that no schedule holds at', () => {
    expect(() => periodInTimeline({ segments: [] }, 7)).toThrow('no schedule holds at 7');
  });
});
