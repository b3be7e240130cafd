import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalDecimal } from '../../src/domain/decimal.js';
import { difference, sumOf } from '../../src/domain/decimal-arithmetic.js';
import { isLargestPart, isRepresentable, splitDecimal } from '../../src/domain/split-decimal.js';

/** A decimal of up to 28 digits, the point anywhere in them, many zeros among them. */
const decimal = fc
  .tuple(
    fc.boolean(),
    fc.string({ unit: fc.constantFrom('0', '0', '1', '9'), maxLength: 16 }),
    fc.string({ unit: fc.constantFrom('0', '0', '5', '9'), maxLength: 12 }),
  )
  .map(([negative, whole, fraction]) =>
    sumOf([`${negative ? '-' : ''}${whole || '0'}.${fraction}0`]),
  );

function digitsOf(decimal: string): number {
  return decimal.replace(/[-.]/g, '').replace(/^0+/, '').length;
}

describe('splitting a decimal', () => {
  it('loses nothing', () => {
    fc.assert(
      fc.property(decimal, (value) => {
        expect(sumOf(splitDecimal(value)!)).toBe(value);
      }),
    );
  });

  it('gives parts of the same sign and of at most 15 digits', () => {
    fc.assert(
      fc.property(decimal, (value) => {
        for (const part of splitDecimal(value)!) {
          expect(digitsOf(part)).toBeLessThanOrEqual(15);
          expect(part.startsWith('-')).toBe(value.startsWith('-'));
          expect(sumOf([part])).toBe(part);
        }
      }),
    );
  });

  it.each([
    ['0', []],
    ['123456789012345', ['123456789012345']],
    ['123.456789012345', ['123.456789012345']],
    ['1234567890123456', ['999999999999999', '234567890123457']],
    ['-1234567890123450', ['-999999999999999', '-234567890123451']],
    ['123456789012345.6', ['123456789012345', '0.6']],
    ['-123456789012345.6', ['-123456789012345', '-0.6']],
    ['1000000000000000', ['999999999999999', '1']],
    ['0.000000000001', ['0.000000000001']],
    ['999999999999999.000000000001', ['999999999999999', '0.000000000001']],
  ])('of %s gives %j', (value, parts) => {
    expect(splitDecimal(value)).toEqual(parts);
    expect(isRepresentable(value)).toBe(parts.length <= 1);
  });
});

describe('a part', () => {
  it('is as large as it can be with 15 nines before the point, of either sign', () => {
    expect(isLargestPart('999999999999999')).toBe(true);
    expect(isLargestPart('-999999999999999')).toBe(true);
    expect(isLargestPart('999999999999998')).toBe(false);
    expect(isLargestPart('1000000000000000')).toBe(false);
    expect(isLargestPart('99999999999999.9')).toBe(false);
  });

  it('has 15 digits at most, without zeros at the front', () => {
    expect(isRepresentable('0.00123456789012345')).toBe(true);
    expect(isRepresentable('-0.00123456789012345')).toBe(true);
    expect(isRepresentable('0.001234567890123456')).toBe(false);
    expect(isRepresentable('100000000000000')).toBe(true);
    expect(isRepresentable('1000000000000000')).toBe(false);
  });
});

describe('a decimal of more than 60 parts', () => {
  it('is not split at all', () => {
    expect(splitDecimal('59999999999999940')).toHaveLength(60);
    expect(splitDecimal('59999999999999940.5')).toBeUndefined();
    expect(splitDecimal('1000000000000000000000000000')).toBeUndefined();
  });
});

describe('decimal arithmetic', () => {
  it('is exact where doubles are not, and keeps canonical forms', () => {
    expect(sumOf(['0.1', '0.2'])).toBe('0.3');
    expect(sumOf([])).toBe('0');
    expect(difference('1', '1.000000000001')).toBe('-0.000000000001');
    expect(difference('5', '5')).toBe('0');
    expect(sumOf(['99999999999999999999', '1'])).toBe('100000000000000000000');
    expect(canonicalDecimal(sumOf(['-0.5', '0.5']))).toBe('0');
  });
});
