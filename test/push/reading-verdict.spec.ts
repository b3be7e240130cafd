import { describe, expect, it } from 'vitest';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND } from '../../src/domain/instant.js';
import {
  agreedSince,
  judge,
  pauseBeforeNext,
  type Reading,
  type ReadRules,
} from '../../src/push/push-reading.js';

const NOW = 1_793_491_200_000_000;
const AGO = NOW - 15 * MICROS_PER_MINUTE;

const reading: Reading = {
  cause: 'unknown',
  status: 'unknown',
  kind: 'delta',
  pushed: '5',
  before: '0',
  agreedSince: AGO,
  isOutdated: false,
  isHidden: false,
};
const rules: ReadRules = { stableFor: 15 * MICROS_PER_MINUTE, laterPushShows: true, now: NOW };

describe('since when reads agree', () => {
  it('is as before where this one says the same', () => {
    expect(agreedSince(reading, '0', NOW)).toBe(AGO);
  });

  it.each([
    ['says another thing', reading, '5'],
    ['is the first', { ...reading, before: null, agreedSince: null }, '0'],
    [
      'is the first of a push that is read for another cause',
      { ...reading, agreedSince: null },
      '0',
    ],
  ])('is now where this one %s', (_, before, value) => {
    expect(agreedSince(before, value, NOW)).toBe(NOW);
  });
});

describe('a read of the minute of a delta', () => {
  it('shows it counted at once where its value is there', () => {
    const first = { ...reading, before: null, agreedSince: null };
    expect(judge(first, '5', { ...rules, laterPushShows: false })).toBe('counted');
  });

  it('shows something foreign where another value is there', () => {
    expect(judge(reading, '6', rules)).toBe('foreign');
    expect(judge({ ...reading, before: '6' }, '6', rules)).toBe('foreign');
    expect(judge(reading, '-5', rules)).toBe('foreign');
  });

  it('shows it not counted where reads have agreed for long enough on nothing', () => {
    expect(judge(reading, '0', rules)).toBe('not_counted');
  });

  it.each<[string, Partial<Reading>, Partial<ReadRules>]>([
    ['reads have not agreed for long enough', { agreedSince: AGO + 1 }, {}],
    ['another value was there before', { before: '5' }, {}],
    ['nothing was read before', { before: null, agreedSince: null }, {}],
    ['no later push shows either', {}, { laterPushShows: false }],
  ])('shows nothing yet where nothing is there and %s', (_, facts, given) => {
    expect(judge({ ...reading, ...facts }, '0', { ...rules, ...given })).toBe('open');
  });

  it('need not agree with another where none is asked for', () => {
    const first = { ...reading, before: null, agreedSince: null };
    expect(judge(first, '0', { ...rules, stableFor: 0 })).toBe('not_counted');
  });
});

describe('a read of the minute of a total', () => {
  const total: Reading = { ...reading, kind: 'total' };

  it('shows it counted at once where its value is there', () => {
    expect(judge(total, '5', { ...rules, laterPushShows: false })).toBe('counted');
  });

  it('may show the one before it, so that only reads that agree show it not counted', () => {
    const stands = { ...total, before: '4' };
    expect(judge(stands, '4', rules)).toBe('not_counted');
    expect(judge(stands, '4', { ...rules, laterPushShows: false })).toBe('open');
    expect(judge({ ...stands, agreedSince: AGO + 1 }, '4', rules)).toBe('open');
    expect(judge(total, '4', rules)).toBe('open');
  });

  it('of 0 shows as nothing does, so only reads that agree show it counted', () => {
    const nothing = { ...total, pushed: '0' };
    expect(judge(nothing, '0', rules)).toBe('counted');
    expect(judge(nothing, '0', { ...rules, laterPushShows: false })).toBe('open');
    expect(judge({ ...nothing, agreedSince: AGO + 1 }, '0', rules)).toBe('open');
    expect(judge({ ...nothing, before: '4' }, '4', rules)).toBe('not_counted');
  });
});

describe('a total that a later one hides', () => {
  const hidden: Reading = { ...reading, kind: 'total', isHidden: true, isOutdated: true };

  it('cannot be told, whatever is there', () => {
    expect(judge(hidden, '5', rules)).toBe('open');
    expect(judge(hidden, '0', rules)).toBe('open');
  });

  it('was not counted where Stripe reported it and the later one stands', () => {
    expect(judge({ ...hidden, status: 'disputed' }, '5', rules)).toBe('not_counted');
    expect(judge({ ...hidden, status: 'disputed', isOutdated: false }, '5', rules)).toBe('open');
  });
});

describe('the pause before the next read', () => {
  const minutes = (count: number) => count * MICROS_PER_MINUTE;

  it.each([
    ['is a third of the time that reads have to agree for', minutes(15), 0, minutes(5)],
    ['stays so until they do', minutes(15), minutes(15) - 1, minutes(5)],
    ['stays so when they just do', minutes(15), minutes(15), minutes(5)],
    [
      'is a third of the time that they have agreed for then',
      minutes(15),
      minutes(60),
      minutes(20),
    ],
    ['is rounded up to the microsecond', 10_000_000, 0, 3_333_334],
    ['is rounded up likewise later', 10_000_000, 20_000_000, 6_666_667],
    ['is a second at least', 0, 0, MICROS_PER_SECOND],
    ['is a second at least while they have to agree for less than three', 2_999_999, 0, 1_000_000],
    ['is six hours at most', minutes(15), 19 * MICROS_PER_HOUR, 6 * MICROS_PER_HOUR],
    ['is six hours after eighteen', minutes(15), 18 * MICROS_PER_HOUR, 6 * MICROS_PER_HOUR],
  ])('%s', (_, stableFor, agreedFor, pause) => {
    expect(pauseBeforeNext(stableFor, agreedFor)).toBe(pause);
  });
});
