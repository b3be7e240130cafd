import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/domain/billing-period.js';
import { MICROS_PER_DAY, MICROS_PER_HOUR } from '../../src/domain/instant.js';
import {
  isSamePeriod,
  itemPeriodAt,
  placeAlike,
  pricingOf,
  withCurrentPeriod,
  type BillingItem,
} from '../../src/domain/item-period.js';

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
    // The same lives, but for what Stripe has named of them.
    const knownTwice = fc
      .tuple(items, items)
      .map(([one, other]) => [
        one,
        one.map((each, index) => ({ ...each, periods: other[index]?.periods ?? each.periods })),
      ]);
    const everyInstant = Array.from({ length: 240 }, (_, n) => day(n - 40));
    fc.assert(
      fc.property(knownTwice, ([one = [], other = []]) => {
        const isSame = everyInstant.every((at) =>
          isSamePeriod(itemPeriodAt(one, at), itemPeriodAt(other, at)),
        );
        expect(placeAlike(one, other)).toBe(isSame);
        expect(placeAlike(other, one)).toBe(isSame);
      }),
      { numRuns: 150 },
    );
  });

  it('is not alike where an item that Stripe named one period of loses it', () => {
    // The item lived for less than that period, so none of its instants is a boundary of one.
    const short = item({
      startsAt: day(35),
      endsAt: day(45),
      periods: [{ start: day(9), end: day(70) }],
    });
    const unnamed = { ...short, periods: [] };
    expect(itemPeriodAt([short], day(40))).toEqual({ start: day(35), end: day(45) });
    expect(itemPeriodAt([unnamed], day(40))).toEqual({ start: day(39), end: day(45) });
    expect(placeAlike([short], [unnamed])).toBe(false);
  });
});

describe('the time between items', () => {
  const ended = item({ startsAt: day(0), endsAt: day(5), periods: [] });
  const first = item({ itemId: 'si_2', startsAt: day(10), endsAt: day(20), periods: [] });
  const second = item({ itemId: 'si_3', startsAt: day(30), endsAt: day(40), periods: [] });
  const all = [second, ended, first];

  it.each([
    ['before the first', day(0) - 1, -Infinity, day(0)],
    ['from the end of one', day(5), day(5), day(10)],
    ['to the beginning of the next', day(10) - 1, day(5), day(10)],
    ['between the next two', day(25), day(20), day(30)],
    ['after the last', day(40), day(40), Infinity],
  ])('is a gap, here %s', (_, at, start, end) => {
    expect(itemPeriodAt(all, at)).toEqual({ start, end, isGap: true });
  });

  it('is one gap, though an item that never lived is in it', () => {
    const never = item({ itemId: 'si_4', startsAt: day(25), endsAt: day(25) });
    expect(itemPeriodAt([...all, never], day(22))).toEqual({
      start: day(20),
      end: day(30),
      isGap: true,
    });
    const backwards = item({ itemId: 'si_4', startsAt: day(27), endsAt: day(22) });
    expect(itemPeriodAt([...all, backwards], day(22))).toMatchObject({ end: day(30) });
  });

  it('is all of it where there is none', () => {
    expect(itemPeriodAt([], day(0))).toEqual({ start: -Infinity, end: Infinity, isGap: true });
  });
});

describe('of two items at a time', () => {
  it('the one decides that began first, until it ends', () => {
    const early = item({ startsAt: day(9), endsAt: day(30) });
    const late = item({ itemId: 'si_0', startsAt: day(20), endsAt: day(60), periods: [] });
    for (const both of [
      [early, late],
      [late, early],
    ]) {
      expect(itemPeriodAt(both, day(29))).toEqual({ start: day(9), end: day(30) });
      expect(itemPeriodAt(both, day(30))).toEqual({ start: day(30), end: day(39) });
    }
  });

  it('that began together the one decides whose id comes first', () => {
    const one = item({ itemId: 'si_1', periods: [{ start: day(9), end: day(11) }] });
    const two = item({ itemId: 'si_2', periods: [{ start: day(9), end: day(12) }] });
    const three = item({ itemId: 'si_3', periods: [{ start: day(9), end: day(13) }] });
    for (const all of [
      [one, two, three],
      [three, one, two],
      [three, two, one],
    ]) {
      expect(itemPeriodAt(all, day(9))).toEqual({ start: day(9), end: day(11) });
    }
  });

  it('the one that began first may outlive the other, which then never decides', () => {
    const long = item({ endsAt: day(60) });
    const within = item({ itemId: 'si_2', startsAt: day(20), endsAt: day(30), periods: [] });
    expect(itemPeriodAt([long, within], day(25))).toEqual({ start: day(9), end: day(39) });
    expect(itemPeriodAt([long, within], day(59))).toEqual({ start: day(39), end: day(60) });
  });
});

describe('what Stripe has not named', () => {
  const named = item({
    startsAt: day(0),
    periods: [
      { start: day(12), end: day(20) },
      { start: day(20), end: day(25) },
      { start: day(50), end: day(60) },
      { start: day(65), end: day(68) },
    ],
  });

  it.each([
    ['before the first, from the beginning of the item', day(0), day(0), day(9)],
    ['up to the first', day(9), day(9), day(12)],
    ['after the nearest that is over', day(25), day(25), day(39)],
    ['up to the nearest that comes', day(49), day(39), day(50)],
    ['between two', day(60), day(60), day(65)],
    ['after the last', day(68), day(68), day(70)],
  ])('follows the interval, cut by what is named: %s', (_, at, start, end) => {
    expect(itemPeriodAt([named], at)).toEqual({ start, end });
  });

  it.each([
    [day(12), day(12), day(20)],
    [day(20) - 1, day(12), day(20)],
    [day(20), day(20), day(25)],
  ])('begins and ends where the named ones do, here at %d', (at, start, end) => {
    expect(itemPeriodAt([named], at)).toEqual({ start, end });
  });
});
