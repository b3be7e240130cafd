import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalDecimal } from '../../src/domain/decimal.js';
import { compareDecimals, difference, sumOf } from '../../src/domain/decimal-arithmetic.js';

/** As many units of 10^-12 as `numeric(27,12)` can hold, so that laws can be checked in integers. */
const units = fc.bigInt(-(10n ** 27n) + 1n, 10n ** 27n - 1n);
const SCALE = 12;

function decimalOf(value: bigint): string {
  const digits = String(value < 0n ? -value : value).padStart(SCALE + 1, '0');
  const text = `${digits.slice(0, -SCALE)}.${digits.slice(-SCALE)}`;
  return canonicalDecimal(value < 0n ? `-${text}` : text)!;
}

describe('a sum of decimals', () => {
  it.each([
    ['of none', [], '0'],
    ['of one', ['7.25'], '7.25'],
    ['of tenths, which a double cannot hold', ['0.1', '0.2'], '0.3'],
    ['of what takes itself back', ['-0.5', '0.5'], '0'],
    ['of less than nothing', ['-1', '-0.000000000001'], '-1.000000000001'],
    ['without trailing zeros', ['1.5', '0.5'], '2'],
    ['beyond a quantity', ['999999999999999', '1'], '1000000000000000'],
    [
      'beyond where a number is written with an exponent',
      ['1' + '0'.repeat(24), '1'],
      '1' + '0'.repeat(23) + '1',
    ],
    ['too small for a number without an exponent', ['0.000000000001', '0'], '0.000000000001'],
  ])('%s', (_, decimals, sum) => {
    expect(sumOf(decimals)).toBe(sum);
  });

  it('reads what can be read once', () => {
    expect(sumOf(new Set(['1', '2']).values())).toBe('3');
  });

  it('is the sum of the integers that the decimals are units of', () => {
    fc.assert(
      fc.property(fc.array(units, { maxLength: 8 }), (values) => {
        const sum = values.reduce((total, value) => total + value, 0n);
        fc.pre(sum > -(10n ** 27n) && sum < 10n ** 27n);
        expect(sumOf(values.map(decimalOf))).toBe(decimalOf(sum));
      }),
    );
  });
});

describe('a difference of decimals', () => {
  it.each([
    ['5', '3', '2'],
    ['3', '5', '-2'],
    ['5', '5', '0'],
    ['-1', '-1', '0'],
    ['0', '0.5', '-0.5'],
    ['1', '1.000000000001', '-0.000000000001'],
    ['0.3', '0.1', '0.2'],
  ])('from %s takes %s and leaves %s', (from, what, rest) => {
    expect(difference(from, what)).toBe(rest);
  });

  it('is what must be added to come back', () => {
    fc.assert(
      fc.property(units, units, (a, b) => {
        expect(sumOf([difference(decimalOf(a), decimalOf(b)), decimalOf(b)])).toBe(decimalOf(a));
      }),
    );
  });
});

describe('a comparison of decimals', () => {
  it.each([
    ['9', '10', -1],
    ['10', '9', 1],
    ['-10', '-9', -1],
    ['-0.5', '0', -1],
    ['0.000000000001', '0', 1],
    ['2.5', '2.5', 0],
  ])('of %s and %s is by value and not by text', (a, b, order) => {
    expect(compareDecimals(a, b)).toBe(order);
  });

  it('orders decimals as the integers that they are units of', () => {
    fc.assert(
      fc.property(units, units, (a, b) => {
        expect(Math.sign(compareDecimals(decimalOf(a), decimalOf(b)))).toBe(
          a < b ? -1 : a > b ? 1 : 0,
        );
      }),
    );
  });
});
