import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/domain/billing-period.js';
import { MICROS_PER_DAY, MICROS_PER_HOUR } from '../../src/domain/instant.js';
import {
  itemPeriodAt,
  placeAlike,
  pricingOf,
  withCurrentPeriod,
  withPastPeriod,
  type BillingItem,
} from '../../src/domain/item-period.js';
import { nextReadAt, withObservation, type KnownItem } from '../../src/domain/known-item.js';
import { periodOfSource, withSegment } from '../../src/domain/period-source.js';

const NOVEMBER = Date.UTC(2026, 10, 1) * 1_000;
const day = (n: number): number => NOVEMBER + n * MICROS_PER_DAY;
const MONTHLY: Schedule = {
  interval: 'month',
  intervalCount: 1,
  anchor: day(9),
  timezone: 'UTC',
};

function item(more: Partial<BillingItem> = {}): BillingItem {
  return {
    itemId: 'si_1',
    startsAt: day(9),
    endsAt: null,
    isLive: true,
    schedule: MONTHLY,
    periods: [{ start: day(9), end: day(39) }],
    ...more,
  };
}

/** Items with lives and named periods in any position to each other. */
const items = fc
  .array(
    fc.record({
      startsAt: fc.integer({ min: 0, max: 100 }),
      length: fc.option(fc.integer({ min: 0, max: 80 }), { nil: null }),
      anchor: fc.integer({ min: 0, max: 40 }),
      named: fc.array(
        fc.tuple(fc.integer({ min: -20, max: 120 }), fc.integer({ min: 1, max: 40 })),
      ),
    }),
    { maxLength: 4 },
  )
  .map((list) =>
    list.map(({ startsAt, length, anchor, named }, index) =>
      item({
        itemId: `si_${index}`,
        startsAt: day(startsAt),
        endsAt: length === null ? null : day(startsAt + length),
        schedule: { ...MONTHLY, anchor: day(anchor) },
        periods: named.reduce<BillingItem['periods']>(
          (periods, [start, days]) =>
            withCurrentPeriod(periods, { start: day(start), end: day(start + days) }),
          [],
        ),
      }),
    ),
  );
const instant = fc
  .integer({ min: -40 * 24, max: 200 * 24 })
  .map((h) => NOVEMBER + h * MICROS_PER_HOUR);

describe('the period of an item', () => {
  it('holds each instant, and is the same for every instant that it holds', () => {
    fc.assert(
      fc.property(items, instant, (list, at) => {
        const period = itemPeriodAt(list, at);
        expect(period.start <= at && at < period.end).toBe(true);
        for (const other of [period.start, period.end - 1]) {
          if (Number.isFinite(other)) expect(itemPeriodAt(list, other)).toEqual(period);
        }
      }),
    );
  });

  it('is as Stripe named it, then provisionally by the interval from that end', () => {
    expect(itemPeriodAt([item()], day(10))).toEqual({ start: day(9), end: day(39) });
    const cut = item({ periods: [{ start: day(9), end: day(20) }] });
    expect(itemPeriodAt([cut], day(20))).toEqual({ start: day(20), end: day(39) });
    expect(itemPeriodAt([cut], day(39))).toEqual({ start: day(39), end: day(70) });
    expect(itemPeriodAt([item()], day(8))).toMatchObject({ isGap: true, end: day(9) });
  });

  it('ends with the item, and begins with the first of two that price the meter', () => {
    const ended = item({ endsAt: day(12), isLive: false });
    expect(itemPeriodAt([ended], day(11))).toEqual({ start: day(9), end: day(12) });
    expect(itemPeriodAt([ended], day(12))).toMatchObject({ isGap: true, start: day(12) });
    const second = item({
      itemId: 'si_2',
      startsAt: day(11),
      periods: [{ start: day(11), end: day(41) }],
    });
    expect(itemPeriodAt([second, ended], day(12))).toEqual({ start: day(12), end: day(41) });
    expect(pricingOf([item(), second], { start: day(9), end: day(39) })).toBe('several');
    expect(pricingOf([ended, second], { start: day(9), end: day(12) })).toBe('one');
    expect(pricingOf([ended], { start: day(12), end: day(40) })).toBe('none');
  });

  it('is alike before and after a renewal that comes as expected, and not after a cut', () => {
    const renewed = item({
      periods: withCurrentPeriod(item().periods, { start: day(39), end: day(70) }),
    });
    expect(placeAlike([item()], [renewed])).toBe(true);
    const cut = item({
      periods: withCurrentPeriod(item().periods, { start: day(20), end: day(50) }),
    });
    expect(cut.periods).toEqual([
      { start: day(9), end: day(20) },
      { start: day(20), end: day(50) },
    ]);
    expect(placeAlike([item()], [cut])).toBe(false);
    expect(placeAlike([item()], [])).toBe(false);
  });

  it('alike means that no instant changes its period', () => {
    fc.assert(
      fc.property(items, items, instant, (one, other, at) => {
        if (!placeAlike(one, other)) return;
        expect(itemPeriodAt(one, at)).toEqual(itemPeriodAt(other, at));
      }),
      { numRuns: 500 },
    );
  });

  it('takes a past one from an invoice without giving up what came after', () => {
    const later = [{ start: day(20), end: day(50) }];
    expect(withPastPeriod(later, { start: day(9), end: day(39) })).toEqual([
      { start: day(9), end: day(20) },
      ...later,
    ]);
  });
});

describe('what is known of items', () => {
  const { periods: _, ...plain } = item();
  const observed = {
    ...plain,
    subscriptionId: 'sub_1',
    stripeMeterId: 'mtr_1',
    eventName: 'tokens',
    currentPeriod: { start: day(9), end: day(39) },
  };

  it('stays the same however often it is read', () => {
    const once = withObservation([], [observed], day(10));
    expect(withObservation(once, [observed], day(11))).toEqual(once);
  });

  it('ends what Stripe does not show any more, once and for all', () => {
    const known = withObservation([], [observed], day(10));
    const gone = withObservation(known, [], day(15));
    expect(gone).toMatchObject([{ endsAt: day(15), isLive: false }]);
    expect(withObservation(gone, [], day(16))).toEqual(gone);
  });

  it('passes from one meter to the next where a price is changed', () => {
    const known = withObservation([], [observed], day(10));
    const switched: KnownItem[] = withObservation(
      known,
      [{ ...observed, stripeMeterId: 'mtr_2' }],
      day(15),
    );
    expect(
      switched.map(({ stripeMeterId, startsAt, endsAt }) => [stripeMeterId, startsAt, endsAt]),
    ).toEqual([
      ['mtr_2', day(15), null],
      ['mtr_1', day(9), day(15)],
    ]);
  });

  it('is read again when a period is over, and each day', () => {
    const known = withObservation([], [observed], day(10));
    expect(nextReadAt(known, day(38) + MICROS_PER_HOUR)).toBe(day(39));
    expect(nextReadAt(known, day(10))).toBe(day(11));
    expect(nextReadAt(known, day(39))).toBeGreaterThan(day(39));
    expect(nextReadAt([], day(10))).toBe(day(11));
  });
});

describe('the source of periods', () => {
  const schedule = {
    segments: [{ effectiveFrom: -Infinity, schedule: { ...MONTHLY, anchor: NOVEMBER } }],
  };

  it('changes where it is said to, with a stub on either side', () => {
    const segments = withSegment([], { source: 'stripe', effectiveFrom: day(30) });
    const source = { schedule, segments, items: [item()] };
    expect(periodOfSource(source, day(29))).toEqual({
      start: NOVEMBER,
      end: day(30),
      ofItem: false,
    });
    expect(periodOfSource(source, day(30))).toEqual({ start: day(30), end: day(39), ofItem: true });
    expect(withSegment(segments, { source: 'schedule', effectiveFrom: -Infinity })).toHaveLength(1);
  });

  it('is the schedule where no item prices the meter, cut to the gap', () => {
    const segments = withSegment([], { source: 'stripe', effectiveFrom: -Infinity });
    const source = { schedule, segments, items: [item()] };
    expect(periodOfSource(source, day(8))).toEqual({ start: NOVEMBER, end: day(9), ofItem: true });
  });
});
