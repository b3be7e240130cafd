import { ValidateBy } from 'class-validator';
import { canonicalDecimal, decimalOfNumber, isExactNumber } from '../domain/decimal.js';
import { parseInstant } from '../domain/instant.js';
import { codePointLength, isStorableText } from '../domain/text.js';
import type { ProblemCode } from '../problem/codes.js';
import { propertyErrors } from './property-errors.js';
import { MAX_TEXT_CHARACTERS } from './usage-event-limits.js';

/**
 * A rule of one field. It judges only values of the type it is about: another rule refuses the
 * type, so each mistake is told once.
 */
function rule(code: ProblemCode, message: string, holds: (value: unknown) => boolean) {
  return (): PropertyDecorator =>
    ValidateBy(
      { name: code, validator: { validate: holds, defaultMessage: () => `$property ${message}` } },
      { context: { code } },
    );
}

function ruleOfTexts(code: ProblemCode, message: string, holds: (text: string) => boolean) {
  return rule(code, message, (value) => typeof value !== 'string' || holds(value));
}

export const IsPresent = rule('required', 'is missing', (v) => v !== undefined && v !== null);

/** Null is the type of nothing here: an optional field is left out, not nulled. */
export const IsText = rule('invalid_type', 'must be a string', (v) => typeof v === 'string');

export const IsNotEmptyText = ruleOfTexts('too_short', 'must not be empty', (text) => text !== '');

/** class-validator's own MaxLength does not count variation selectors. */
export const IsShortText = ruleOfTexts(
  'too_long',
  `must have at most ${MAX_TEXT_CHARACTERS} characters`,
  (text) => codePointLength(text) <= MAX_TEXT_CHARACTERS,
);

export const IsStorableText = ruleOfTexts(
  'invalid_text',
  'must not hold NUL or a lone surrogate',
  isStorableText,
);

export const IsTextOrNumber = rule(
  'invalid_type',
  'must be a string or a number',
  (value) => typeof value === 'string' || typeof value === 'number',
);

export const IsExactQuantity = rule(
  'quantity_not_exact',
  'has more than 15 significant digits or an exponent: send it as a string',
  (value) => typeof value !== 'number' || isExactNumber(value),
);

export const IsDecimalQuantity = rule(
  'quantity_invalid',
  'must be a plain decimal of at most 15 integer and 12 fraction digits',
  (value) => {
    if (typeof value === 'string') return canonicalDecimal(value) !== undefined;
    if (typeof value !== 'number' || !isExactNumber(value)) return true;
    return decimalOfNumber(value) !== undefined;
  },
);

export const IsInstantText = ruleOfTexts(
  'occurred_at_invalid',
  'must be an RFC 3339 time with offset, to the microsecond',
  (text) => parseInstant(text) !== undefined,
);

export const IsPropertiesObject = rule(
  'properties_invalid',
  'must be an object',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

/** Stands for all that `propertyErrors` finds; its errors carry their own codes and pointers. */
export const AreFlatProperties = rule(
  'property_not_scalar',
  'must be flat and small',
  (value) => propertyErrors(value).length === 0,
);
