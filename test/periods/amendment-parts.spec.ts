import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sumOf } from '../../src/domain/decimal-arithmetic.js';
import { divideParts } from '../../src/periods/amendment-parts.js';
import type { PushedValue } from '../../src/usage/pushed-values.js';

const NOTHING: PushedValue = {
  delivered: '0',
  confirmed: '0',
  pending: '0',
  unknown: '0',
  held: '0',
  rejected: '0',
  excluded: '0',
  unbillable: '0',
};
const parts = (more: Partial<PushedValue>): PushedValue => ({ ...NOTHING, ...more });

describe('a period without amendments', () => {
  it('leaves everything to its statement', () => {
    const whole = parts({ delivered: '7', pending: '2.5' });
    expect(divideParts(whole, [])).toEqual({ statement: whole, amendments: [] });
  });
});

describe('an amendment', () => {
  const whole = parts({
    delivered: '64',
    confirmed: '0',
    pending: '1',
    held: '2',
    unbillable: '4',
    excluded: '8',
    rejected: '16',
    unknown: '32',
  });

  it.each<[string, Partial<PushedValue>]>([
    ['0', {}],
    ['0.5', { pending: '0.5' }],
    ['1', { pending: '1' }],
    ['3', { pending: '1', held: '2' }],
    ['6', { pending: '1', held: '2', unbillable: '3' }],
    ['14', { pending: '1', held: '2', unbillable: '4', excluded: '7' }],
    ['30', { pending: '1', held: '2', unbillable: '4', excluded: '8', rejected: '15' }],
    [
      '63',
      { pending: '1', held: '2', unbillable: '4', excluded: '8', rejected: '16', unknown: '32' },
    ],
    [
      '70',
      {
        pending: '1',
        held: '2',
        unbillable: '4',
        excluded: '8',
        rejected: '16',
        unknown: '32',
        delivered: '7',
      },
    ],
  ])('of %s takes what is least settled first', (value, taken) => {
    expect(divideParts(whole, [value]).amendments).toEqual([parts(taken)]);
  });

  it('leaves to the statement what it does not take', () => {
    expect(divideParts(whole, ['3']).statement).toEqual({ ...whole, pending: '0', held: '0' });
    expect(divideParts(whole, ['0.5']).statement).toEqual({ ...whole, pending: '0.5' });
  });

  it('takes before those that came before it', () => {
    const { statement, amendments } = divideParts(parts({ pending: '4', delivered: '9' }), [
      '3',
      '2',
      '3',
    ]);
    expect(amendments).toEqual([
      parts({ delivered: '3' }),
      parts({ pending: '1', delivered: '1' }),
      parts({ pending: '3' }),
    ]);
    expect(statement).toEqual(parts({ delivered: '5' }));
  });

  it('takes what goes its way alone: a correction downwards is no part of usage that waits', () => {
    const mixed = parts({ pending: '5', held: '-2', delivered: '10' });
    expect(divideParts(mixed, ['-3'])).toEqual({
      statement: parts({ pending: '5', delivered: '11' }),
      amendments: [parts({ held: '-2', delivered: '-1' })],
    });
    expect(divideParts(mixed, ['6']).amendments).toEqual([parts({ pending: '5', delivered: '1' })]);
  });
});

describe('what an amendment takes of what Stripe has', () => {
  it.each<[string, Partial<PushedValue>, string, Partial<PushedValue>]>([
    ['is delivered where that is all', { delivered: '9' }, '4', { delivered: '4' }],
    [
      'is delivered where that is enough',
      { delivered: '4', confirmed: '9' },
      '4',
      { delivered: '4' },
    ],
    ['is confirmed where it is not', { delivered: '3', confirmed: '9' }, '4', { confirmed: '4' }],
    ['is confirmed where that is all', { confirmed: '9' }, '4', { confirmed: '4' }],
    [
      'is confirmed where it was taken back',
      { delivered: '5', confirmed: '9' },
      '-4',
      { confirmed: '-4' },
    ],
    ['is delivered where only that can be', { delivered: '5' }, '-4', { delivered: '-4' }],
    ['is delivered below zero too', { delivered: '-5', confirmed: '9' }, '-4', { delivered: '-4' }],
    ['is delivered where Stripe has nothing', {}, '4', { delivered: '4' }],
  ])('%s', (_, whole, value, taken) => {
    expect(divideParts(parts(whole), [value]).amendments).toEqual([parts(taken)]);
  });
});

describe('dividing', () => {
  const quantity = fc
    .integer({ min: -3_000, max: 3_000 })
    .map((thousandths) => sumOf([(thousandths / 1_000).toFixed(3)]));
  const anyWhole = fc.record({
    delivered: quantity,
    confirmed: quantity,
    pending: quantity,
    unknown: quantity,
    held: quantity,
    rejected: quantity,
    excluded: quantity,
    unbillable: quantity,
  });

  it('loses nothing, and gives each amendment its value', () => {
    fc.assert(
      fc.property(anyWhole, fc.array(quantity, { maxLength: 4 }), (whole, values) => {
        const { statement, amendments } = divideParts(whole, values);
        for (const name of Object.keys(whole) as (keyof PushedValue)[]) {
          expect(sumOf([statement, ...amendments].map((each) => each[name]))).toBe(whole[name]);
        }
        expect(amendments.map((each) => sumOf(Object.values(each)))).toEqual(values);
      }),
      { numRuns: 300 },
    );
  });
});
