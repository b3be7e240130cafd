import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/domain/billing-period.js';
import { MICROS_PER_DAY } from '../../src/domain/instant.js';
import type { BillingItem } from '../../src/domain/item-period.js';
import {
  BILLING_SOURCES,
  latestSource,
  periodOfSource,
  withSegment,
  type PeriodSource,
  type SourceSegment,
} from '../../src/domain/period-source.js';

const NOVEMBER = Date.UTC(2026, 10, 1) * 1_000;
const day = (n: number): number => NOVEMBER + n * MICROS_PER_DAY;
const MONTHLY: Schedule = {
  interval: 'month',
  intervalCount: 1,
  anchor: NOVEMBER,
  timezone: 'UTC',
};

const item: BillingItem = {
  itemId: 'si_1',
  startsAt: day(9),
  endsAt: null,
  isLive: true,
  schedule: { ...MONTHLY, anchor: day(9) },
  periods: [{ start: day(9), end: day(39) }],
};

function source(
  segments: readonly SourceSegment[],
  items: readonly BillingItem[] = [item],
): PeriodSource {
  const schedule = { segments: [{ effectiveFrom: -Infinity, schedule: MONTHLY }] };
  return { schedule, segments, items };
}
const stripeFrom = (effectiveFrom: number): SourceSegment => ({ source: 'stripe', effectiveFrom });
const scheduleFrom = (effectiveFrom: number): SourceSegment => ({
  source: 'schedule',
  effectiveFrom,
});

describe('the source of periods', () => {
  it('is one of two', () => {
    expect(BILLING_SOURCES).toEqual(['schedule', 'stripe']);
  });

  it('is the schedule until something else is asked for', () => {
    expect(periodOfSource(source([]), day(12))).toEqual({
      start: day(0),
      end: day(30),
      ofItem: false,
    });
    expect(latestSource([])).toBe('schedule');
  });

  it('is what was asked for last', () => {
    expect(latestSource([stripeFrom(day(1))])).toBe('stripe');
    expect(latestSource([stripeFrom(day(1)), scheduleFrom(day(2))])).toBe('schedule');
  });

  it.each([
    ['before the first change, by the schedule', day(29), day(0), day(30), false],
    ['the last instant before it', day(30) - 1, day(0), day(30), false],
    ['from the change, by the item, from the change on', day(30), day(30), day(39), true],
    ['by the item', day(40), day(39), day(60), true],
    ['the last instant before the second change', day(60) - 1, day(39), day(60), true],
    ['from the second change, by the schedule again', day(60), day(60), day(61), false],
    ['long after it', day(70), day(61), day(92), false],
  ])('changes where it is said to, with a stub on either side: %s', (_, at, start, end, ofItem) => {
    const twice = source([stripeFrom(day(30)), scheduleFrom(day(60))]);
    expect(periodOfSource(twice, at)).toEqual({ start, end, ofItem });
  });

  it('is the item where one prices the meter, over every boundary of the schedule', () => {
    const always = source([stripeFrom(-Infinity)]);
    for (const at of [day(9), day(29), day(30), day(39) - 1]) {
      expect(periodOfSource(always, at)).toEqual({ start: day(9), end: day(39), ofItem: true });
    }
  });

  it('is the schedule where no item prices the meter, cut to the gap', () => {
    const ended = { ...item, endsAt: day(20), isLive: false };
    const always = source([stripeFrom(-Infinity)], [ended]);
    expect(periodOfSource(always, day(8))).toEqual({ start: day(0), end: day(9), ofItem: true });
    expect(periodOfSource(always, day(20))).toEqual({ start: day(20), end: day(30), ofItem: true });
    expect(periodOfSource(always, day(31))).toEqual({ start: day(30), end: day(61), ofItem: true });
  });

  it('puts each instant into one period, whatever was asked for', () => {
    const segment = fc.record({
      source: fc.constantFrom(...BILLING_SOURCES),
      effectiveFrom: fc.integer({ min: -20, max: 120 }).map(day),
    });
    const at = fc.integer({ min: -60 * 24, max: 200 * 24 }).map((hours) => day(hours / 24));
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 4 }), at, (asked, when) => {
        const segments = asked.reduce<SourceSegment[]>(withSegment, []);
        const period = periodOfSource(source(segments), when);
        expect(period.start <= when && when < period.end).toBe(true);
        expect(periodOfSource(source(segments), period.start)).toEqual(period);
        expect(periodOfSource(source(segments), period.end - 1)).toEqual(period);
        expect(periodOfSource(source(segments), period.end).start).toBe(period.end);
      }),
    );
  });
});

describe('asking for another source', () => {
  const before = [stripeFrom(day(10)), scheduleFrom(day(20)), stripeFrom(day(30))];

  it('leaves what holds before it', () => {
    expect(withSegment(before, scheduleFrom(day(31)))).toEqual([...before, scheduleFrom(day(31))]);
  });

  it('overrides what comes after it, and what begins with it', () => {
    expect(withSegment(before, stripeFrom(day(20)))).toEqual([before[0], stripeFrom(day(20))]);
    expect(withSegment(before, scheduleFrom(-Infinity))).toEqual([scheduleFrom(-Infinity)]);
  });
});
