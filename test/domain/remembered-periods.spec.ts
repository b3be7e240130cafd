import { describe, expect, it } from 'vitest';
import { periodContaining, type Schedule } from '../../src/domain/billing-period.js';
import { MICROS_PER_DAY } from '../../src/domain/instant.js';

/** Days from an anchor that no other test uses, so that nothing is remembered of them yet. */
function daily(anchorDay: number): { schedule: Schedule; day: (n: number) => number } {
  const anchor = Date.UTC(2031, 0, anchorDay, 3, 4, 5) * 1_000;
  return {
    schedule: { interval: 'day', intervalCount: 1, anchor, timezone: 'UTC' },
    day: (n) => anchor + n * MICROS_PER_DAY,
  };
}

describe('a period that was asked for', () => {
  it.each([
    ['its first instant', 0],
    ['one in its middle', MICROS_PER_DAY / 2],
    ['its last instant', MICROS_PER_DAY - 1],
  ])('is worked out once, and known again by %s', (_, later) => {
    const { schedule, day } = daily(1);
    const period = periodContaining(schedule, day(0));
    expect(periodContaining(schedule, day(0) + later)).toBe(period);
    expect(periodContaining({ ...schedule }, day(0) + later)).toBe(period);
    expect(periodContaining(schedule, day(1))).not.toBe(period);
  });

  it('is known again among 64 of its schedule, in whatever order they were asked for', () => {
    const { schedule, day } = daily(2);
    const order = Array.from({ length: 64 }, (_, n) => (n * 37) % 64);
    const asked = order.map((n) => periodContaining(schedule, day(n)));
    expect(order.map((n) => periodContaining(schedule, day(n) + 1))).toEqual(asked);
    order.forEach((n, index) => {
      expect(periodContaining(schedule, day(n))).toBe(asked[index]);
    });
  });

  it('is forgotten with all others for the 65th, so that memory has a bound', () => {
    const { schedule, day } = daily(3);
    const first = Array.from({ length: 64 }, (_, n) => periodContaining(schedule, day(n)));
    const another = periodContaining(schedule, day(64));
    expect(periodContaining(schedule, day(64))).toBe(another);
    first.forEach((period, n) => {
      const again = periodContaining(schedule, day(n));
      expect(again).toEqual(period);
      expect(again).not.toBe(period);
    });
  });
});

describe('schedules far from 1970', () => {
  it.each(['day', 'week', 'month', 'year'] as const)(
    'have their periods by the %s to the end of the range, counted from their anchor',
    (interval) => {
      // A boundary that is guessed far from the right one is beyond what Micros can hold.
      const anchor = Date.UTC(2253, 0, 1) * 1_000;
      const schedule: Schedule = { interval, intervalCount: 1, anchor, timezone: 'UTC' };
      expect(periodContaining(schedule, anchor).start).toBe(anchor);
      expect(periodContaining(schedule, anchor - 1).end).toBe(anchor);
      const early = Date.UTC(1686, 0, 1) * 1_000;
      const old: Schedule = { ...schedule, anchor: early };
      expect(periodContaining(old, early).start).toBe(early);
    },
  );
});
