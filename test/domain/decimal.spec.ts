import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalDecimal,
  decimalOfNumber,
  isExactNumber,
  isKeptNumber,
  isNegative,
} from '../../src/domain/decimal.js';

const digits = (max: number) => fc.bigInt(0n, 10n ** BigInt(max) - 1n).map(String);

describe('a decimal sent as text', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['0.5', '0.5'],
    ['12.500', '12.5'],
    ['12.000', '12'],
    ['100', '100'],
    ['-3.10', '-3.1'],
    ['999999999999999.999999999999', '999999999999999.999999999999'],
    ['-999999999999999.999999999999', '-999999999999999.999999999999'],
  ])('%s is kept as %s', (text, canonical) => {
    expect(canonicalDecimal(text)).toBe(canonical);
  });

  it.each([
    '',
    ' ',
    '-',
    '.',
    '.5',
    '5.',
    '+5',
    '--5',
    '007',
    '-00',
    '00.5',
    ' 5',
    '5 ',
    '5\n',
    '1e3',
    '0x10',
    '1_000',
    '1,5',
    'NaN',
    'Infinity',
    '٣',
    '1000000000000000',
    '0.0000000000001',
    '0.5000000000000',
  ])('%j is refused', (text) => {
    expect(canonicalDecimal(text)).toBeUndefined();
  });

  it('keeps its value and is its own canonical form', () => {
    fc.assert(
      fc.property(fc.boolean(), digits(15), digits(12), (minus, whole, fraction) => {
        const canonical = canonicalDecimal(`${minus ? '-' : ''}${whole}.${fraction}`)!;
        const padded = (text: string) => BigInt(text.padEnd(12, '0'));
        const [integer = '', rest = ''] = canonical.replace('-', '').split('.');
        expect(integer).toBe(whole);
        expect(padded(rest)).toBe(padded(fraction));
        expect(canonicalDecimal(canonical)).toBe(canonical);
        expect(isNegative(canonical)).toBe(minus && BigInt(whole + fraction) > 0n);
      }),
    );
  });
});

describe('a decimal sent as a JSON number', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['-0.0', '0'],
    ['1e2', '100'],
    ['12.50', '12.5'],
    ['0.1', '0.1'],
    ['0.000001', '0.000001'],
    ['999999999999999', '999999999999999'],
    ['-999999999999999', '-999999999999999'],
    ['0.123456789012', '0.123456789012'],
    ['123456789.012345', '123456789.012345'],
  ])('%s is kept as %s', (json, canonical) => {
    expect(decimalOfNumber(JSON.parse(json) as number)).toBe(canonical);
  });

  it.each([
    '9007199254740993',
    '1234567890123456',
    '0.1234567890123456',
    '0.30000000000000004',
    '1e15',
    '1e21',
    '1e-7',
    '1e400',
    '-1e400',
  ])('%s may have been rounded, so it is refused', (json) => {
    expect(isExactNumber(JSON.parse(json) as number)).toBe(false);
    expect(decimalOfNumber(JSON.parse(json) as number)).toBeUndefined();
  });

  it('is refused with more than 12 fraction digits, though it is exact', () => {
    expect(isExactNumber(0.0000012345678)).toBe(true);
    expect(isExactNumber(0.00000123456789012345)).toBe(true);
    expect(isExactNumber(0.000001234567890123456)).toBe(false);
    expect(decimalOfNumber(0.0000012345678)).toBeUndefined();
  });

  it('is the same as its text wherever both are read', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.nat(5), (n, places) => {
        const text = (n / 10 ** places).toFixed(places);
        expect(decimalOfNumber(JSON.parse(text) as number)).toBe(canonicalDecimal(text));
      }),
    );
  });
});

describe("a property's number", () => {
  it.each([0, -0, 0.5, 0.1 + 0.2, -1e-300, 2 ** 53 - 1, 1 - 2 ** 53])(
    '%d is surely what was written, or no whole number',
    (value) => {
      expect(isKeptNumber(value)).toBe(true);
    },
  );

  it.each([2 ** 53, -(2 ** 53), 1e300, Infinity, -Infinity, NaN])(
    '%d may have been another',
    (value) => {
      expect(isKeptNumber(value)).toBe(false);
    },
  );
});
