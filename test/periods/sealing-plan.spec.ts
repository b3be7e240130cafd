import { describe, expect, it } from 'vitest';
import { judgeChains, type Chain } from '../../src/periods/sealing-plan.js';
import type { RevisionFacts } from '../../src/periods/sealing.store.js';
import { periodKeyText, type PeriodKey } from '../../src/usage/period-values.js';

const DAY = 86_400_000_000;

const keyOf = (day: number, meterNo = 1): PeriodKey => ({
  customerNo: 1,
  meterNo,
  periodStart: day * DAY,
});

/** A period of one day as it was planned; what follows on another is known to be without usage. */
function period(day: number, more: Partial<Chain[number]> = {}): Chain[number] {
  const key = keyOf(day, more.meterNo);
  return { ...key, periodEnd: key.periodStart + DAY, revisions: 0, isUsed: false, ...more };
}

/** The same as it stands: it begins with 5, and was written with 3. */
function facts(day: number, more: Partial<RevisionFacts> = {}): RevisionFacts {
  return {
    ...period(day),
    hasEntries: false,
    hasUnwritten: false,
    isBeforeUnwritten: false,
    written: '3',
    now: '5',
    ...more,
  };
}

/** Days, of the meter 2 as `2:5`. */
function judged(chains: readonly Chain[], standing: readonly RevisionFacts[]) {
  const { sealed, needless } = judgeChains(
    chains,
    new Map(standing.map((each) => [periodKeyText(each), each])),
  );
  const names = new Map(
    [1, 2].flatMap((meterNo) =>
      [1, 2, 3, 4, 5].map((day) => [
        periodKeyText(keyOf(day, meterNo)),
        meterNo === 1 ? `${day}` : `${meterNo}:${day}`,
      ]),
    ),
  );
  for (const [key, value] of sealed) expect(periodKeyText(value)).toBe(key);
  return {
    sealed: [...sealed.keys()].map((key) => names.get(key)),
    needless: [...needless].map((key) => names.get(key)),
  };
}

const LEFT = { sealed: [], needless: [] };

describe('a period that is due', () => {
  it('is sealed for its entries, whatever stands before it, and nothing after it with it', () => {
    for (const more of [{}, { isBeforeUnwritten: true }, { hasUnwritten: true }, { now: '3' }]) {
      const standing = [facts(1, { hasEntries: true, ...more }), facts(2)];
      const chain = [period(1, { isUsed: null }), period(2)];
      expect(judged([chain], standing)).toEqual({ sealed: ['1'], needless: [] });
    }
  });

  it('is sealed without any where it begins with something else than was written', () => {
    expect(judged([[period(1)]], [facts(1)])).toEqual({ sealed: ['1'], needless: [] });
    const fromNothing = facts(1, { written: null });
    expect(judged([[period(1)]], [fromNothing])).toEqual({ sealed: ['1'], needless: [] });
  });

  it.each([
    ['it begins as it was written', {}, { now: '3' }],
    ['a revision is still to be written', {}, { hasUnwritten: true }],
    ['usage of its own stands', { isUsed: true }, {}],
  ])('is due for nothing where %s, and neither is what follows', (_, planned, standing) => {
    const chain = [period(1, planned), period(2)];
    expect(judged([chain], [facts(1, standing), facts(2)])).toEqual({
      sealed: [],
      needless: ['1'],
    });
  });

  it.each([
    ['somebody is at it', {}, undefined],
    ['it was sealed since', {}, { revisions: 1 }],
    ['the one before it is still to be written', {}, { isBeforeUnwritten: true }],
    [
      'the one before it is still to be written, though it looks written',
      {},
      { isBeforeUnwritten: true, now: '3' },
    ],
    ['nobody looked for usage of its own', { isUsed: null }, {}],
  ])('is left for another time where %s', (_, planned, standing) => {
    const known = standing === undefined ? [] : [facts(1, standing)];
    const chain = [period(1, planned), period(2)];
    expect(judged([chain], [...known, facts(2)])).toEqual(LEFT);
  });
});

describe('the periods after it', () => {
  const chain = [period(1), period(2), period(3)];

  it('are sealed with it as far as it reaches them, whatever they begin with now', () => {
    expect(judged([chain], [facts(1), facts(2, { now: '3' }), facts(3)])).toEqual({
      sealed: ['1', '2', '3'],
      needless: [],
    });
  });

  it.each([
    ['were written with what it carries', period(2), facts(2, { written: '5' })],
    ['have entries of their own', period(2), facts(2, { hasEntries: true })],
    ['are still to be written', period(2), facts(2, { hasUnwritten: true })],
    ['have usage', period(2, { isUsed: true }), facts(2)],
    ['were not looked at', period(2, { isUsed: null }), facts(2)],
    ['were sealed since', period(2), facts(2, { revisions: 1 })],
  ])('are not where they %s, nor any after those', (_, planned, standing) => {
    const whole = [period(1), planned, period(3)];
    expect(judged([whole], [facts(1), standing, facts(3)])).toEqual({
      sealed: ['1'],
      needless: [],
    });
  });

  it('are sealed before the one that is due itself is looked at, which comes later', () => {
    const due = [period(2), period(3)];
    expect(judged([due, [period(1), period(2)]], [facts(1), facts(2), facts(3)])).toEqual({
      sealed: ['1', '2'],
      needless: [],
    });
  });

  it('wait where they are due for what one carries that is sealed just now', () => {
    const both = [[period(2)], [period(1)]];
    const first = facts(1, { hasEntries: true });
    expect(judged(both, [first, facts(2)])).toEqual({ sealed: ['1'], needless: [] });
    expect(judged(both, [first, facts(2, { now: '3' })])).toEqual({ sealed: ['1'], needless: [] });
    expect(judged(both, [first, facts(2, { hasEntries: true })])).toEqual({
      sealed: ['1', '2'],
      needless: [],
    });
    expect(
      judged(
        [chain, [period(4)]],
        [1, 2, 3, 4].map((day) => facts(day)),
      ),
    ).toEqual({
      sealed: ['1', '2', '3'],
      needless: [],
    });
  });

  it('have nothing to do with those of another meter', () => {
    const other = facts(2, { meterNo: 2, now: '3' });
    expect(judged([[period(1)], [period(2, { meterNo: 2 })]], [facts(1), other])).toEqual({
      sealed: ['1'],
      needless: ['2:2'],
    });
  });
});
