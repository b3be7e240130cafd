import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE } from '../../src/domain/instant.js';
import {
  nextReadAt,
  withObservation,
  type KnownItem,
  type ObservedItem,
} from '../../src/domain/known-item.js';

const NOVEMBER = Date.UTC(2026, 10, 1) * 1_000;
const day = (n: number): number => NOVEMBER + n * MICROS_PER_DAY;

function observed(more: Partial<ObservedItem> = {}): ObservedItem {
  return {
    itemId: 'si_1',
    subscriptionId: 'sub_1',
    stripeMeterId: 'mtr_1',
    eventName: 'tokens',
    startsAt: day(9),
    endsAt: null,
    isLive: true,
    schedule: { interval: 'month', intervalCount: 1, anchor: day(9), timezone: 'UTC' },
    currentPeriod: { start: day(9), end: day(39) },
    ...more,
  };
}

function known(more: Partial<KnownItem> = {}): KnownItem {
  const { currentPeriod, ...item } = observed();
  return { ...item, periods: [currentPeriod], ...more };
}

describe('what is known of items', () => {
  it('is what Stripe shows, where nothing was known', () => {
    expect(withObservation([], [observed()], day(10))).toEqual([known()]);
    expect(withObservation([], [], day(10))).toEqual([]);
  });

  it('stays the same however often it is read', () => {
    const once = withObservation([], [observed()], day(10));
    expect(withObservation(once, [observed()], day(11))).toEqual(once);
  });

  it('keeps the periods that Stripe has named before the current one', () => {
    const renewed = observed({ currentPeriod: { start: day(39), end: day(70) } });
    expect(withObservation([known()], [renewed], day(40))).toEqual([
      known({
        periods: [
          { start: day(9), end: day(39) },
          { start: day(39), end: day(70) },
        ],
      }),
    ]);
  });

  it('keeps when an item began, and takes everything else from what Stripe shows now', () => {
    const now = observed({
      startsAt: day(12),
      endsAt: day(20),
      isLive: false,
      eventName: null,
      subscriptionId: 'sub_2',
    });
    expect(withObservation([known()], [now], day(15))).toEqual([
      known({ endsAt: day(20), isLive: false, eventName: null, subscriptionId: 'sub_2' }),
    ]);
  });

  it('of one item says nothing of another', () => {
    const other = {
      itemId: 'si_2',
      startsAt: day(11),
      currentPeriod: { start: day(11), end: day(41) },
    };
    expect(withObservation([known()], [observed(), observed(other)], day(15))).toEqual([
      known(),
      known({ itemId: 'si_2', startsAt: day(11), periods: [other.currentPeriod] }),
    ]);
  });

  it('of one item says nothing of another that counts another meter', () => {
    const other = observed({ itemId: 'si_2', stripeMeterId: 'mtr_2', startsAt: day(11) });
    expect(withObservation([known()], [observed(), other], day(15))).toMatchObject([
      { itemId: 'si_1', startsAt: day(9), endsAt: null },
      { itemId: 'si_2', startsAt: day(11), endsAt: null },
    ]);
  });

  it('passes from one meter to the next where a price is changed, when that was first seen', () => {
    const switched = withObservation([known()], [observed({ stripeMeterId: 'mtr_2' })], day(15));
    expect(switched).toEqual([
      known({ stripeMeterId: 'mtr_2', startsAt: day(15) }),
      known({ isLive: false, endsAt: day(15) }),
    ]);
    const again = withObservation(switched, [observed({ stripeMeterId: 'mtr_2' })], day(16));
    expect(again).toEqual(switched);
  });
});

describe('an item that Stripe does not show any more', () => {
  const goneAt = (item: KnownItem, at: number) => withObservation([item], [], at);

  it('ended when that was read, once and for all', () => {
    const gone = goneAt(known(), day(15));
    expect(gone).toEqual([known({ isLive: false, endsAt: day(15) })]);
    expect(withObservation(gone, [], day(16))).toEqual(gone);
  });

  it.each([
    ['that was to end before the reading ended as it was to', day(12), day(12)],
    ['that was to end after it ended by the reading', day(30), day(15)],
  ])('%s', (_, endsAt, ended) => {
    expect(goneAt(known({ endsAt }), day(15))).toEqual([known({ isLive: false, endsAt: ended })]);
  });

  it('ended when it did, where Stripe had said so before', () => {
    const canceled = known({ isLive: false, endsAt: day(30) });
    expect(goneAt(canceled, day(15))).toEqual([canceled]);
  });

  it('ended by the reading where it was canceled and nobody said when', () => {
    expect(goneAt(known({ isLive: false, endsAt: null }), day(15))).toEqual([
      known({ isLive: false, endsAt: day(15) }),
    ]);
  });

  it.each([day(5), day(9)])('lasted for a microsecond at least, read at %d', (at) => {
    expect(goneAt(known(), at)).toMatchObject([{ startsAt: day(9), endsAt: day(9) + 1 }]);
  });

  it('is kept behind what Stripe does show', () => {
    const rest = withObservation(
      [known(), known({ itemId: 'si_2' })],
      [observed({ itemId: 'si_2' })],
      day(15),
    );
    expect(rest.map(({ itemId, isLive }) => [itemId, isLive])).toEqual([
      ['si_2', true],
      ['si_1', false],
    ]);
  });
});

describe('what is known of items is read again', () => {
  it.each([
    ['each day while nothing ends', [known()], day(10), day(11)],
    ['each day where no item is known', [], day(10), day(11)],
    ['when the period ends within a day', [known()], day(38) + 1, day(39)],
    ['in a day where the period ends then', [known()], day(38), day(39)],
    ['when the item ends before its period', [known({ endsAt: day(20) })], day(19.5), day(20)],
    ['when the period ends before its item', [known({ endsAt: day(60) })], day(38.5), day(39)],
    [
      'when the last of its periods ends, not the first',
      [known({ periods: [known().periods[0]!, { start: day(39), end: day(70) }] })],
      day(69.5),
      day(70),
    ],
    [
      'when the first of two ends',
      [known({ endsAt: day(20.25) }), known({ itemId: 'si_2', endsAt: day(20) })],
      day(19.5),
      day(20),
    ],
    [
      'when an item of no known period ends',
      [known({ periods: [], endsAt: day(20) })],
      day(19.5),
      day(20),
    ],
    ['each day where an item has no known end', [known({ periods: [] })], day(10), day(11)],
    [
      'each day though a canceled one ends',
      [known({ isLive: false, endsAt: day(20) })],
      day(19.5),
      day(20.5),
    ],
  ])('%s', (_, items, readAt, next) => {
    expect(nextReadAt(items, readAt)).toBe(next);
  });

  it.each([
    ['just when the period ended', day(39)],
    ['long after it', day(50)],
  ])('ten minutes later where it was read %s', (_, readAt) => {
    expect(nextReadAt([known()], readAt)).toBe(readAt + 10 * MICROS_PER_MINUTE);
  });

  it('later than it was read, and within a day', () => {
    const item = fc
      .record({
        endsAt: fc.option(fc.integer({ min: 0, max: 100 }).map(day), { nil: null }),
        isLive: fc.boolean(),
        periods: fc.array(
          fc
            .integer({ min: 0, max: 90 })
            .map((start) => ({ start: day(start), end: day(start + 10) })),
          { maxLength: 1 },
        ),
      })
      .map(known);
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 4 }),
        fc.integer({ min: 0, max: 100 }),
        (items, at) => {
          const next = nextReadAt(items, day(at));
          expect(next).toBeGreaterThan(day(at));
          expect(next).toBeLessThanOrEqual(day(at) + 24 * MICROS_PER_HOUR);
        },
      ),
    );
  });
});
