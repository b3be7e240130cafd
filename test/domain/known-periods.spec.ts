import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/domain/billing-period.js';
import { MICROS_PER_DAY } from '../../src/domain/instant.js';
import {
  ITEM_PRICINGS,
  isSamePeriod,
  placeAlike,
  pricingOf,
  withCurrentPeriod,
  withPastPeriod,
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

describe('how many items price a period', () => {
  const period = { start: day(9), end: day(39) };

  it.each([
    ['one that ends as it begins is none of them', { endsAt: day(9), startsAt: day(0) }, 'none'],
    ['one that ends just after is', { endsAt: day(9) + 1, startsAt: day(0) }, 'one'],
    ['one that begins as it ends is none of them', { startsAt: day(39) }, 'none'],
    ['one that begins just before is', { startsAt: day(39) - 1 }, 'one'],
    ['one that was canceled is, where it is alone', { isLive: false }, 'one'],
  ] as const)('is told by their lives: %s', (_, more, pricing) => {
    expect(pricingOf([item(more)], period)).toBe(pricing);
  });

  it('is several where two are live, and one where all but one are canceled', () => {
    const canceled = item({ itemId: 'si_2', isLive: false });
    expect(ITEM_PRICINGS).toEqual(['one', 'none', 'several']);
    expect(pricingOf([item(), item({ itemId: 'si_2' })], period)).toBe('several');
    expect(pricingOf([item(), canceled], period)).toBe('one');
    expect(pricingOf([canceled, canceled], period)).toBe('one');
    expect(pricingOf([item(), canceled, item({ startsAt: day(39) })], period)).toBe('one');
    expect(pricingOf([], period)).toBe('none');
  });
});

describe('two states of knowledge', () => {
  it.each<[string, Partial<BillingItem>]>([
    ['the id', { itemId: 'si_2' }],
    ['when it began', { startsAt: day(10) }],
    ['when it ends', { endsAt: day(500) }],
    ['the anchor', { schedule: { ...MONTHLY, anchor: day(10) } }],
    ['the interval', { schedule: { ...MONTHLY, interval: 'year' } }],
    ['the count of intervals', { schedule: { ...MONTHLY, intervalCount: 2 } }],
    ['a named period', { periods: [{ start: day(9), end: day(38) }] }],
  ])('are not alike where they differ in %s of an item', (_, more) => {
    expect(placeAlike([item()], [item(more)])).toBe(false);
    expect(placeAlike([item(more)], [item()])).toBe(false);
  });

  it.each<[string, Partial<BillingItem>]>([
    ['beginning', { startsAt: day(20) }],
    ['end', { endsAt: day(10) }],
  ])('are not alike where an item leaves a gap by another %s', (_, more) => {
    const before = item({ startsAt: day(0), endsAt: day(10), periods: [] });
    const between = item({ itemId: 'si_2', startsAt: day(10), endsAt: day(20), periods: [] });
    const after = item({ itemId: 'si_3', startsAt: day(20), endsAt: day(30), periods: [] });
    const all = [before, between, after];
    expect(placeAlike(all, [before, { ...between, ...more }, after])).toBe(false);
    expect(placeAlike([before, { ...between, ...more }, after], all)).toBe(false);
  });

  it('are not alike where intervals part later than anything that is known', () => {
    const february = (date: number) => Date.UTC(2027, 1, date) * 1_000;
    const named = (end: number, schedule: Partial<Schedule>) => [
      item({ periods: [{ start: day(9), end }], schedule: { ...MONTHLY, ...schedule } }),
    ];
    const january = (date: number) => Date.UTC(2027, 0, date) * 1_000;
    // Both end on 28 February, then on 29 and on 30 March.
    const [early, late] = [29, 30].map((date) => named(january(30), { anchor: january(date) }));
    expect(placeAlike(early!, late!)).toBe(false);
    // Four weeks are a month, once.
    const [weeks, months] = (['week', 'month'] as const).map((interval) =>
      named(february(23), { anchor: february(1), interval }),
    );
    expect(placeAlike(weeks!, months!)).toBe(false);
  });

  it('are not alike where an item loses the period that it came to decide in', () => {
    const first = item({ startsAt: day(0), endsAt: day(35), periods: [] });
    const second = item({
      itemId: 'si_2',
      startsAt: day(1),
      endsAt: day(45),
      periods: [{ start: day(1), end: day(70) }],
    });
    expect(placeAlike([first, second], [first, { ...second, periods: [] }])).toBe(false);
  });

  it('are alike whatever else they differ in, and in whatever order', () => {
    const other = item({ itemId: 'si_2', startsAt: day(100) });
    expect(placeAlike([item(), other], [other, item({ isLive: false })])).toBe(true);
    expect(placeAlike([], [])).toBe(true);
  });

  it('are not alike where one knows an item more, though that one decides nothing', () => {
    const never = item({ itemId: 'si_2', startsAt: day(20), endsAt: day(20), periods: [] });
    expect(placeAlike([item()], [item(), never])).toBe(false);
    expect(placeAlike([item(), never], [item()])).toBe(false);
  });

  it('name the same period where both its ends are the same', () => {
    const period = { start: day(1), end: day(2) };
    expect(isSamePeriod(period, { ...period })).toBe(true);
    expect(isSamePeriod(period, { ...period, start: day(0) })).toBe(false);
    expect(isSamePeriod(period, { ...period, end: day(3) })).toBe(false);
  });
});

describe('the known periods of an item', () => {
  const known = [
    { start: day(9), end: day(20) },
    { start: day(20), end: day(30) },
    { start: day(30), end: day(40) },
  ];

  it('are cut by the current one, and forgotten after it', () => {
    const current = { start: day(25), end: day(60) };
    expect(withCurrentPeriod(known, current)).toEqual([
      known[0],
      { start: day(20), end: day(25) },
      current,
    ]);
    expect(withCurrentPeriod([], current)).toEqual([current]);
    expect(withCurrentPeriod(known, { start: day(0), end: day(9) })).toEqual([
      { start: day(0), end: day(9) },
    ]);
  });

  it('give way to a current one that begins with one of them', () => {
    const longer = { start: day(20), end: day(50) };
    expect(withCurrentPeriod(known, longer)).toEqual([known[0], longer]);
  });

  it('take in one that is over without giving up what came after', () => {
    expect(withPastPeriod(known.slice(1), { start: day(9), end: day(39) })).toEqual(known);
    expect(withPastPeriod(known, { start: day(25), end: day(28) })).toEqual([
      known[0],
      { start: day(20), end: day(25) },
      { start: day(25), end: day(28) },
      known[2],
    ]);
    expect(withPastPeriod([], known[0]!)).toEqual([known[0]]);
    expect(withPastPeriod(known.slice(0, 1), known[2]!)).toEqual([known[0], known[2]]);
  });

  it('give way to one that is over and begins with one of them, as far as it goes', () => {
    expect(withPastPeriod(known, { start: day(20), end: day(25) })).toEqual([
      known[0],
      { start: day(20), end: day(25) },
      known[2],
    ]);
    expect(withPastPeriod(known, { start: day(20), end: day(35) })).toEqual(known);
  });
});
