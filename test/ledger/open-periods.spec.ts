import { describe, expect, it } from 'vitest';
import type { KnownPeriod } from '../../src/domain/place-usage.js';
import { OpenPeriods } from '../../src/ledger/open-periods.js';

const OPEN = { closedThrough: 0, clockClosedThrough: 0 };
const period = (start: number, end: number, fields: Partial<KnownPeriod> = {}): KnownPeriod => ({
  start,
  end,
  stored: true,
  backfilled: false,
  ofItem: false,
  amendments: 0,
  ...fields,
});

describe('open periods', () => {
  it('are found by meter, from their start up to their end', () => {
    const periods = new OpenPeriods();
    periods.remember(1, period(10, 20));
    periods.remember(1, period(20, 30));

    expect(periods.at(1, 9, OPEN)).toBeUndefined();
    expect(periods.at(1, 10, OPEN)).toEqual(period(10, 20));
    expect(periods.at(1, 19, OPEN)).toEqual(period(10, 20));
    expect(periods.at(1, 20, OPEN)).toEqual(period(20, 30));
    expect(periods.at(1, 30, OPEN)).toBeUndefined();
    expect(periods.at(2, 10, OPEN)).toBeUndefined();
  });

  it('are not found once they are closed', () => {
    const periods = new OpenPeriods();
    periods.remember(1, period(10, 20));
    periods.remember(2, period(10, 20, { backfilled: true }));

    expect(periods.at(1, 10, { closedThrough: 20, clockClosedThrough: 0 })).toBeUndefined();
    expect(periods.at(1, 10, { closedThrough: 0, clockClosedThrough: 20 })).toBeUndefined();
    expect(periods.at(1, 10, { closedThrough: 19, clockClosedThrough: 19 })).toBeDefined();
    expect(periods.at(2, 10, { closedThrough: 0, clockClosedThrough: 20 })).toBeDefined();
  });

  it('are few: the ones remembered last, each once', () => {
    const periods = new OpenPeriods();
    for (const start of [10, 20, 20, 30, 40, 50]) periods.remember(1, period(start, start + 10));

    expect(periods.at(1, 10, OPEN)).toBeUndefined();
    for (const start of [20, 30, 40, 50]) expect(periods.at(1, start, OPEN)).toBeDefined();
  });
});
