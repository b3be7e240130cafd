import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LateUsagePolicy } from '../../src/domain/meter.js';
import {
  isClosed,
  placeUsage,
  placeVoid,
  VOID_KINDS,
  type KnownPeriod,
  type Marks,
} from '../../src/domain/place-usage.js';

/** Periods of ten, from any multiple of ten. */
function period(start: number, more: Partial<KnownPeriod> = {}): KnownPeriod {
  return {
    start,
    end: start + 10,
    stored: true,
    backfilled: false,
    ofItem: false,
    amendments: 0,
    ...more,
  };
}

/** A line of such periods, in which some are another than a plain stored one. */
function line(others: readonly KnownPeriod[] = []): (at: number) => KnownPeriod {
  return (at) => {
    const start = Math.floor(at / 10) * 10;
    return others.find((each) => each.start === start) ?? period(start);
  };
}

const NONE: Marks = { closedThrough: -Infinity, clockClosedThrough: -Infinity };
const byCommand = (closedThrough: number): Marks => ({ ...NONE, closedThrough });
const byClock = (clockClosedThrough: number): Marks => ({ ...NONE, clockClosedThrough });

describe('a period', () => {
  it('is open as long as nothing has closed it', () => {
    expect(isClosed(period(20), NONE)).toBe(false);
  });

  it.each([
    ['has closed what ends after it', 29, false],
    ['has closed what ends by it', 30, true],
    ['is long past it', 70, true],
  ])('that a command %s, from %d', (_, mark, closed) => {
    expect(isClosed(period(20), byCommand(mark))).toBe(closed);
    expect(isClosed(period(20), byClock(mark))).toBe(closed);
  });

  it.each([
    ['that nothing was recorded in', { stored: false }],
    ['that was first recorded in after its time', { backfilled: true }],
    ['of an item, which Stripe says the end of', { ofItem: true }],
  ])('%s is closed by a command, and not by the clock', (_, more) => {
    expect(isClosed(period(20, more), byClock(70))).toBe(false);
    expect(isClosed(period(20, more), byCommand(30))).toBe(true);
    expect(isClosed(period(20, more), byCommand(29))).toBe(false);
  });
});

describe('usage of an open period', () => {
  it.each(['carry_forward', 'amend', 'reject'] as const)(
    'is billed where it happened, whatever the policy (%s)',
    (policy) => {
      expect(placeUsage(25, policy, byCommand(20), line())).toEqual({
        kind: 'placed',
        period: period(20),
        origin: period(20),
        revision: 0,
        late: false,
      });
    },
  );

  it('has no part in amendments, however many there are', () => {
    const reopened = period(20, { amendments: 2 });
    expect(placeUsage(25, 'amend', NONE, line([reopened]))).toMatchObject({
      revision: 0,
      late: false,
    });
  });
});

describe('usage of a closed period', () => {
  it('is refused where the meter rejects it, and the answer says of which period it is', () => {
    expect(placeUsage(25, 'reject', byCommand(30), line())).toEqual({
      kind: 'refused',
      origin: period(20),
    });
  });

  it.each([0, 1, 7])('goes into the amendment after the %d that there are', (amendments) => {
    const closed = period(20, { amendments });
    expect(placeUsage(25, 'amend', byCommand(30), line([closed]))).toEqual({
      kind: 'placed',
      period: closed,
      origin: closed,
      revision: amendments + 1,
      late: true,
    });
  });

  it('is carried into the earliest period after it that is open', () => {
    expect(placeUsage(25, 'carry_forward', byCommand(30), line())).toEqual({
      kind: 'placed',
      period: period(30),
      origin: period(20),
      revision: 0,
      late: true,
    });
    expect(placeUsage(5, 'carry_forward', byCommand(40), line())).toMatchObject({
      period: period(40),
      origin: period(0),
    });
    expect(placeUsage(5, 'carry_forward', byClock(40), line())).toMatchObject({
      period: period(40),
      origin: period(0),
    });
  });

  it('is carried past what a command has closed, also where that ends within a period', () => {
    expect(placeUsage(25, 'carry_forward', byCommand(55), line())).toMatchObject({
      period: period(50),
    });
  });

  it('is carried over periods that the clock has closed one by one', () => {
    const marks = { closedThrough: 30, clockClosedThrough: 60 };
    expect(placeUsage(25, 'carry_forward', marks, line())).toMatchObject({ period: period(60) });
  });

  it('is not carried by the clock into an empty period that the clock has passed', () => {
    const empty = period(30, { stored: false });
    expect(placeUsage(25, 'carry_forward', byClock(60), line([empty]))).toMatchObject({
      period: period(60),
    });
  });

  it('is carried by a command into an empty period that only the clock has passed', () => {
    const empty = period(30, { stored: false });
    const marks = { closedThrough: 30, clockClosedThrough: 60 };
    expect(placeUsage(25, 'carry_forward', marks, line([empty]))).toMatchObject({ period: empty });
  });

  it('is carried into no period that begins before a command has closed through', () => {
    // The clock was behind the command, so it is the command's instant that the search starts at.
    const empty = period(40, { stored: false });
    const marks = { closedThrough: 50, clockClosedThrough: 30 };
    expect(placeUsage(25, 'carry_forward', marks, line([empty]))).toMatchObject({
      period: period(50),
    });
  });

  it('is carried into periods of items, which the clock does not close', () => {
    const items = [30, 40].map((start) => period(start, { ofItem: true }));
    const marks = { closedThrough: 30, clockClosedThrough: 60 };
    expect(placeUsage(25, 'carry_forward', marks, line(items))).toMatchObject({
      period: items[0],
    });
  });
});

/** Marks and periods in any position to each other. */
const marks = fc.record({
  closedThrough: fc.integer({ min: -20, max: 200 }),
  clockClosedThrough: fc.integer({ min: -20, max: 200 }),
});
const periods = fc
  .array(
    fc.record({
      stored: fc.boolean(),
      backfilled: fc.boolean(),
      ofItem: fc.boolean(),
      amendments: fc.nat(3),
    }),
    { minLength: 22, maxLength: 22 },
  )
  .map((list) => list.map((more, index) => period(index * 10 - 20, more)));
const at = fc.integer({ min: 0, max: 190 });

describe('usage', () => {
  it('is billed, wherever it happened, in a period that is open, or in a revision of the closed one', () => {
    const policy = fc.constantFrom<LateUsagePolicy>('carry_forward', 'amend', 'reject');
    fc.assert(
      fc.property(at, policy, marks, periods, (when, how, closed, list) => {
        const placement = placeUsage(when, how, closed, line(list));
        const { origin } = placement;
        expect(origin.start <= when && when < origin.end).toBe(true);
        expect(placement.kind === 'refused').toBe(how === 'reject' && isClosed(origin, closed));
        if (placement.kind === 'refused') return;
        expect(placement.late).toBe(isClosed(origin, closed));
        expect(isClosed(placement.period, closed)).toBe(placement.revision > 0);
        expect(placement.period.start).toBeGreaterThanOrEqual(origin.start);
        if (!placement.late) expect(placement.period).toBe(origin);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a void', () => {
  const entry = { periodStart: 20, originStart: 0, revision: 0 };

  it('is one of three kinds', () => {
    expect(VOID_KINDS).toEqual(['open', 'carried', 'amendment']);
  });

  it.each([true, false])('stands where the entry stands while that is open', (carries) => {
    expect(placeVoid({ ...entry, revision: 3 }, carries, byCommand(29), line())).toEqual({
      kind: 'open',
      period: period(20),
      originStart: 0,
      revision: 3,
    });
  });

  it('amends a closed period, and stays of the period that the usage was of', () => {
    const closed = period(20, { amendments: 4 });
    expect(placeVoid(entry, false, byCommand(30), line([closed]))).toEqual({
      kind: 'amendment',
      period: closed,
      originStart: 0,
      revision: 5,
    });
  });

  it('is carried out of a closed period into the next open one, and is of the closed one there', () => {
    expect(placeVoid({ ...entry, revision: 3 }, true, byCommand(50), line())).toEqual({
      kind: 'carried',
      period: period(50),
      originStart: 20,
      revision: 0,
    });
    expect(placeVoid(entry, true, byClock(40), line())).toMatchObject({
      kind: 'carried',
      period: period(40),
    });
  });
});
