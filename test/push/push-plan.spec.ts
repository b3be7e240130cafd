import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference, sumOf } from '../../src/domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, parseInstant } from '../../src/domain/instant.js';
import { FreeMinutes } from '../../src/outbox/free-minutes.js';
import { planHours, planTotal, type Obstacle } from '../../src/push/push-plan.js';
import {
  isHourTooOld,
  isPeriodTooOld,
  totalTimestamp,
  type PushWindow,
} from '../../src/outbox/push-window.js';

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

describe('the age limit', () => {
  const place = (now: string): PushWindow => ({
    start: at('2026-10-01T00:00:00Z'),
    end: at('2026-10-08T12:30:30Z'),
    closed: true,
    now: at(now),
  });

  it.each([
    ['2026-11-04T10:59:00Z', false],
    ['2026-11-04T10:59:00.000001Z', true],
  ])('of an hour is that of its last minute: 34 days later, %s', (now, tooOld) => {
    expect(isHourTooOld(place(now), at('2026-10-01T10:00:00Z'))).toBe(tooOld);
  });

  it.each([
    ['2026-11-11T12:29:00Z', false],
    ['2026-11-11T12:29:00.000001Z', true],
  ])('of a period is that of its last whole minute, %s', (now, tooOld) => {
    expect(isPeriodTooOld(place(now))).toBe(tooOld);
    expect(isHourTooOld(place(now), at('2026-10-08T12:00:00Z'))).toBe(tooOld);
  });
});

describe('the timestamp of a total', () => {
  const open: PushWindow = {
    start: at('2026-11-01T00:00:00.5Z'),
    end: at('2026-12-01T00:00:00.5Z'),
    closed: false,
    now: at('2026-11-10T12:00:00.9Z'),
  };
  const closed = { ...open, closed: true, now: at('2026-12-01T00:10:00Z') };

  it.each([
    ['is now, to the second', open, undefined, '2026-11-10T12:00:00Z'],
    ['waits for the next second', open, '2026-11-10T12:00:00Z', 'wait'],
    ['is not before the period', { ...open, now: open.start + 1 }, undefined, 'wait'],
    [
      'stops before the last five minutes',
      { ...open, now: open.end },
      undefined,
      '2026-11-30T23:55:00Z',
    ],
    ['waits for the close then', { ...open, now: open.end }, '2026-11-30T23:55:00Z', 'wait'],
    ['is in the last five minutes of a closed period', closed, undefined, '2026-11-30T23:55:01Z'],
    ['rises there', closed, '2026-11-30T23:55:01Z', '2026-11-30T23:55:02Z'],
    ['ends with the period', closed, '2026-11-30T23:59:59Z', '2026-12-01T00:00:00Z'],
    ['is none after that', closed, '2026-12-01T00:00:00Z', 'none'],
  ] as const)('%s', (_, place, previous, expected) => {
    const found = totalTimestamp(place, previous === undefined ? undefined : at(previous));
    expect(found).toBe(typeof found === 'number' ? at(expected) : expected);
  });

  it('is always in the period, not ahead of now, and later than the one before', () => {
    fc.assert(
      fc.property(window, fc.integer({ min: 0, max: 36_000 }), (place, seconds) => {
        const previous = Math.floor(place.start / 1e6) * 1e6 + seconds * 1_000_000;
        const found = totalTimestamp(place, previous);
        if (typeof found !== 'number') return;
        expect(found % 1_000_000).toBe(0);
        expect(found).toBeGreaterThan(previous);
        expect(found).toBeGreaterThanOrEqual(place.start);
        expect(found).toBeLessThan(place.end);
        expect(found).toBeLessThanOrEqual(place.now);
      }),
    );
  });
});

describe('a plan of a total', () => {
  const place: PushWindow = {
    start: at('2026-11-01T00:00:00Z'),
    end: at('2026-12-01T00:00:00Z'),
    closed: false,
    now: at('2026-11-10T12:00:00Z'),
  };
  const owed = {
    toldValue: '10',
    refusedValue: '15',
    previousTimestamp: undefined,
    isUncertain: false,
  };

  it('is empty where the lane knows the value', () => {
    expect(planTotal(place, { ...owed, value: '10', refusedValue: '10' }, undefined)).toEqual({
      pushes: [],
      holds: [],
    });
  });

  it('holds beside a refused total only what goes beyond it', () => {
    const plan = planTotal(place, { ...owed, value: '18' }, { reason: 'lane_parked' });
    expect(plan.holds).toMatchObject([{ reason: 'lane_parked', value: '3' }]);
  });
});
