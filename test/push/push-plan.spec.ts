import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference, sumOf } from '../../src/domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, parseInstant } from '../../src/domain/instant.js';
import { FreeMinutes } from '../../src/outbox/free-minutes.js';
import type { HoldReason } from '../../src/outbox/hold-reason.js';
import { planHours, planPeriodDelta, type Obstacle } from '../../src/push/push-plan.js';
import { isHourTooOld, type PushWindow } from '../../src/outbox/push-window.js';

const at = (text: string): number => parseInstant(text)!;
const START = at('2026-11-05T14:23:07Z');

const period = fc.record({
  start: fc.integer({ min: 0, max: 3_600_000_000 * 5 }).map((offset) => START + offset),
  minutes: fc.integer({ min: 1, max: 600 }),
  sinceEnd: fc.integer({ min: -900, max: 60 * 24 * 36 }),
  closed: fc.boolean(),
});
const window = period.map(({ start, minutes, sinceEnd, closed }): PushWindow => {
  const end = start + minutes * MICROS_PER_MINUTE + 17;
  const now = end + sinceEnd * MICROS_PER_MINUTE;
  return { start, end, now, closed: closed && now >= end };
});
const usedMinutes = fc.array(fc.integer({ min: -10, max: 700 }), { maxLength: 300 });
const quantity = fc
  .tuple(fc.integer({ min: -9_999_999, max: 9_999_999 }), fc.integer({ min: 0, max: 999_999_999 }))
  .map(([whole, fraction]) => sumOf([`${whole}${String(fraction).padStart(9, '0')}.${fraction}`]))
  .filter((value) => value !== '0');

function hourOf(instant: number): number {
  return Math.floor(instant / MICROS_PER_HOUR) * MICROS_PER_HOUR;
}

describe('a plan by the hour', () => {
  const plans = fc
    .tuple(
      window,
      usedMinutes,
      fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), quantity, quantity), { maxLength: 12 }),
      fc.option(fc.constant<Obstacle>({ reason: 'meter_unmapped' }), { nil: undefined }),
    )
    .map(([place, used, usage, obstacle]) => {
      const first = Math.floor(place.start / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
      const taken = new Set(used.map((minute) => first + minute * MICROS_PER_MINUTE));
      const hours = new Map(
        usage.map(([hour, value, rejected]) => [
          Math.min(hourOf(place.start) + hour * MICROS_PER_HOUR, hourOf(place.end - 1)),
          { value, rejectedValue: obstacle === undefined ? '0' : rejected },
        ]),
      );
      const owed = [...hours].map(([hour, values]) => ({ hour, ...values }));
      const plan = planHours(place, owed, obstacle, new FreeMinutes(place, new Set(taken)));
      return { place, taken, owed, obstacle, plan };
    });

  it('pushes or holds of a closed period all that is not rejected already', () => {
    fc.assert(
      fc.property(plans, ({ place, owed, plan, obstacle }) => {
        fc.pre(place.closed);
        const unpushed = owed.map(({ hour, value, rejectedValue }) => {
          const isPushed = obstacle === undefined && !isHourTooOld(place, hour);
          return isPushed ? value : difference(value, rejectedValue);
        });
        const planned = [...plan.pushes, ...plan.holds].map(({ value }) => value);
        expect(sumOf(planned)).toBe(sumOf(unpushed));
      }),
      { numRuns: 300 },
    );
  });

  it('gives each push a whole minute of the period that nothing else has', () => {
    fc.assert(
      fc.property(plans, ({ place, taken, plan }) => {
        const minutes = plan.pushes.map(({ timestamp }) => timestamp);
        expect(new Set(minutes).size).toBe(minutes.length);
        for (const minute of minutes) {
          expect(minute % MICROS_PER_MINUTE).toBe(0);
          expect(taken.has(minute)).toBe(false);
          expect(minute).toBeGreaterThanOrEqual(place.start);
          expect(minute + MICROS_PER_MINUTE).toBeLessThanOrEqual(place.end);
          expect(minute).toBeLessThanOrEqual(place.now);
          expect(minute).toBeGreaterThanOrEqual(place.now - 34 * 24 * MICROS_PER_HOUR);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('leaves the hour only where it has no free minute of its own', () => {
    fc.assert(
      fc.property(plans, ({ place, taken, plan }) => {
        for (const push of plan.pushes) {
          if (hourOf(push.timestamp) === push.hour) continue;
          const own = plan.pushes.map(({ timestamp }) => timestamp);
          for (let minute = push.hour!; minute < push.hour! + MICROS_PER_HOUR;) {
            const isWhole = minute >= place.start && minute + MICROS_PER_MINUTE <= place.end;
            const isReserved =
              !place.closed && minute + MICROS_PER_MINUTE > place.end - 5 * MICROS_PER_MINUTE;
            const isUsable = minute <= place.now && minute >= place.now - 34 * 24 * MICROS_PER_HOUR;
            const isTaken = taken.has(minute) || own.includes(minute);
            expect(isWhole && isUsable && !isReserved && !isTaken).toBe(false);
            minute += MICROS_PER_MINUTE;
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** A closed period of two hours, all of whose minutes are free. */
const TWO_HOURS: PushWindow = {
  start: at('2026-11-05T10:00:00Z'),
  end: at('2026-11-05T12:00:00Z'),
  closed: true,
  now: at('2026-11-05T12:30:00Z'),
};
const TEN = TWO_HOURS.start;
const ELEVEN = TEN + MICROS_PER_HOUR;
/** 34 days after the last minute of the first hour. */
const FIRST_TOO_OLD: PushWindow = { ...TWO_HOURS, now: at('2026-12-09T10:59:00.000001Z') };
const ALL_TOO_OLD: PushWindow = { ...TWO_HOURS, now: at('2026-12-09T11:59:00.000001Z') };
const PARKED: Obstacle = { reason: 'lane_parked', detail: 'meter_event_invalid' };
const WHOLE_NUMBERS = 'the push target takes whole numbers above zero alone';

const freeIn = (window: PushWindow, used: readonly number[] = []) =>
  new FreeMinutes(window, new Set(used));
const everyMinute = (window: PushWindow) =>
  Array.from({ length: 120 }, (_, minute) => window.start + minute * MICROS_PER_MINUTE);
const delta = (hour: number | null, value: string, timestamp: number) => ({
  kind: 'delta',
  hour,
  value,
  timestamp,
});
const held = (reason: HoldReason, value: string, detail: string | null = null) => ({
  reason,
  kind: 'delta',
  value,
  detail,
});

describe('what hours owe', () => {
  const hours = [
    { hour: TEN, value: '5', rejectedValue: '0' },
    { hour: ELEVEN, value: '7', rejectedValue: '3' },
  ];

  it('is pushed, each hour in a minute of its own', () => {
    expect(planHours(TWO_HOURS, hours, undefined, freeIn(TWO_HOURS))).toEqual({
      pushes: [delta(TEN, '5', TEN), delta(ELEVEN, '7', ELEVEN)],
      holds: [],
    });
  });

  it('is held by what stands in the way, but for what rejected pushes carry', () => {
    expect(planHours(TWO_HOURS, hours, PARKED, freeIn(TWO_HOURS))).toEqual({
      pushes: [],
      holds: [held('lane_parked', '9', 'meter_event_invalid')],
    });
  });

  it('is held as too old where it is, whatever else stands in the way', () => {
    const minutes = freeIn(FIRST_TOO_OLD);
    expect(planHours(FIRST_TOO_OLD, hours, undefined, minutes)).toEqual({
      pushes: [delta(ELEVEN, '7', ELEVEN)],
      holds: [held('too_old', '5')],
    });
    expect(planHours(FIRST_TOO_OLD, hours, PARKED, minutes).holds).toEqual([
      held('too_old', '5'),
      held('lane_parked', '4', 'meter_event_invalid'),
    ]);
    expect(planHours(ALL_TOO_OLD, hours, undefined, minutes)).toEqual({
      pushes: [],
      holds: [held('too_old', '9')],
    });
  });

  it('is not held where hours take each other back', () => {
    const taken = [hours[0]!, { hour: ELEVEN, value: '-5', rejectedValue: '0' }];
    expect(planHours(TWO_HOURS, taken, PARKED, freeIn(TWO_HOURS)).holds).toEqual([]);
  });

  it('is pushed in as many parts as its digits need', () => {
    const long = [{ hour: TEN, value: '1000000000000000.5', rejectedValue: '0' }];
    expect(planHours(TWO_HOURS, long, undefined, freeIn(TWO_HOURS)).pushes).toEqual([
      delta(TEN, '999999999999999', TEN),
      delta(TEN, '1.5', TEN + MICROS_PER_MINUTE),
    ]);
  });

  it('is held where it needs more parts than an hour has minutes', () => {
    const endless = [{ hour: TEN, value: '1' + '0'.repeat(20), rejectedValue: '0' }];
    expect(planHours(TWO_HOURS, endless, undefined, freeIn(TWO_HOURS))).toEqual({
      pushes: [],
      holds: [held('value_not_representable', '1' + '0'.repeat(20))],
    });
  });

  it('is held where the target takes whole numbers above zero alone', () => {
    const fractions = [...hours, { hour: ELEVEN, value: '-2', rejectedValue: '0' }];
    const minutes = freeIn(TWO_HOURS);
    expect(planHours(TWO_HOURS, fractions, undefined, minutes, 'positive_integer')).toEqual({
      pushes: [delta(TEN, '5', TEN), delta(ELEVEN, '7', ELEVEN)],
      holds: [held('value_not_accepted', '-2', WHOLE_NUMBERS)],
    });
  });

  it('is held as a whole where the target does not take one part of it', () => {
    const mixed = [{ hour: TEN, value: '999999999999999.5', rejectedValue: '0' }];
    const minutes = freeIn(TWO_HOURS);
    expect(planHours(TWO_HOURS, mixed, undefined, minutes, 'positive_integer')).toEqual({
      pushes: [],
      holds: [held('value_not_accepted', '999999999999999.5', WHOLE_NUMBERS)],
    });
    expect(planHours(TWO_HOURS, mixed, undefined, minutes).pushes).toHaveLength(2);
  });

  it('is held where no minute is left, beside the parts that have one', () => {
    const long = [{ hour: TEN, value: '1000000000000000.5', rejectedValue: '0' }];
    const one = freeIn(TWO_HOURS, everyMinute(TWO_HOURS).slice(1));
    expect(planHours(TWO_HOURS, long, undefined, one)).toEqual({
      pushes: [delta(TEN, '999999999999999', TEN)],
      holds: [held('no_free_minute', '1.5')],
    });
  });

  it('waits without a word where the hour will have a minute', () => {
    const open = { ...TWO_HOURS, closed: false, now: TEN + MICROS_PER_MINUTE };
    const long = [{ hour: TEN, value: '1999999999999998.5', rejectedValue: '0' }];
    expect(planHours(open, long, undefined, freeIn(open))).toEqual({
      pushes: [
        delta(TEN, '999999999999999', TEN),
        delta(TEN, '999999999999999', TEN + MICROS_PER_MINUTE),
      ],
      holds: [],
    });
  });
});

describe('what a period owes as a whole', () => {
  const owed = { value: '7', rejectedValue: '3', latestHour: ELEVEN };

  it('is pushed as one delta near its latest usage', () => {
    expect(planPeriodDelta(TWO_HOURS, owed, undefined, freeIn(TWO_HOURS))).toEqual({
      pushes: [delta(null, '7', ELEVEN)],
      holds: [],
    });
  });

  it('is nothing where Stripe has it', () => {
    const nothing = { ...owed, value: '0' };
    expect(planPeriodDelta(TWO_HOURS, nothing, PARKED, freeIn(TWO_HOURS))).toEqual({
      pushes: [],
      holds: [],
    });
  });

  it('is held by what stands in the way, but for what rejected pushes carry', () => {
    expect(planPeriodDelta(TWO_HOURS, owed, PARKED, freeIn(TWO_HOURS))).toEqual({
      pushes: [],
      holds: [held('lane_parked', '4', 'meter_event_invalid')],
    });
  });

  it('is too old where its last minute is, and not before', () => {
    expect(planPeriodDelta(ALL_TOO_OLD, owed, PARKED, freeIn(ALL_TOO_OLD))).toEqual({
      pushes: [],
      holds: [held('too_old', '4')],
    });
    const last = { ...ALL_TOO_OLD, now: ALL_TOO_OLD.now - 1 };
    expect(planPeriodDelta(last, owed, undefined, freeIn(last)).pushes).toEqual([
      delta(null, '7', TWO_HOURS.end - MICROS_PER_MINUTE),
    ]);
  });

  it('is held where the target does not take it', () => {
    const half = { ...owed, value: '7.5' };
    const minutes = freeIn(TWO_HOURS);
    expect(planPeriodDelta(TWO_HOURS, half, undefined, minutes, 'positive_integer')).toEqual({
      pushes: [],
      holds: [held('value_not_accepted', '7.5', WHOLE_NUMBERS)],
    });
    expect(planPeriodDelta(TWO_HOURS, half, undefined, minutes).pushes).toHaveLength(1);
  });
});
