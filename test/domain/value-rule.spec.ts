import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takesValue, VALUE_RULES } from '../../src/domain/value-rule.js';

describe('what a push may carry', () => {
  it('is decided by one of two rules', () => {
    expect(VALUE_RULES).toEqual(['decimal', 'positive_integer']);
  });

  it.each(['0', '1', '-1', '0.5', '-0.000000000001', '999999999999999'])(
    'is %s where any decimal may go',
    (value) => {
      expect(takesValue('decimal', value)).toBe(true);
    },
  );

  it.each(['1', '9', '10', '19', '905', '999999999999999'])(
    'is %s where whole numbers above zero may',
    (value) => {
      expect(takesValue('positive_integer', value)).toBe(true);
    },
  );

  it.each(['0', '-1', '-10', '0.5', '1.5', '10.000000000001', '-0.5'])(
    'is not %s where only whole numbers above zero may',
    (value) => {
      expect(takesValue('positive_integer', value)).toBe(false);
    },
  );

  it('is every whole number above zero and no other', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 18n), 10n ** 18n), (value) => {
        expect(takesValue('positive_integer', String(value))).toBe(value > 0n);
        expect(takesValue('positive_integer', `${value}.5`)).toBe(false);
      }),
    );
  });
});
