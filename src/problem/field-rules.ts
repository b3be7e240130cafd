import { ValidateBy, ValidateIf, type ValidationOptions } from 'class-validator';
import { parseInstant } from '../domain/instant.js';
import { codePointLength, isStorableText } from '../domain/text.js';
import type { ProblemCode } from './codes.js';

/**
 * Rules of one field that tell their own code. Each judges only values of the type it is about, so
 * that one mistake is told once.
 */
function rule(
  code: ProblemCode,
  message: string,
  holds: (value: unknown) => boolean,
  options: ValidationOptions = {},
): PropertyDecorator {
  const each = options.each ? 'each of $property' : '$property';
  return ValidateBy(
    { name: code, validator: { validate: holds, defaultMessage: () => `${each} ${message}` } },
    { ...options, context: { code } },
  );
}

/** Unlike IsOptional, lets the other rules see null: the field cannot be cleared. */
export function IsAbsentOr(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

/** A text of 1 to so many characters that PostgreSQL can keep as it is. */
export function IsShortText(charactersMax: number, options?: ValidationOptions): PropertyDecorator {
  const ofTexts = (code: ProblemCode, message: string, holds: (text: string) => boolean) =>
    rule(code, message, (value) => typeof value !== 'string' || holds(value), options);
  const rules = [
    rule('invalid_type', 'must be a string', (value) => typeof value === 'string', options),
    ofTexts('too_short', 'must not be empty', (text) => text !== ''),
    ofTexts(
      'too_long',
      `must have at most ${charactersMax} characters`,
      (text) => codePointLength(text) <= charactersMax,
    ),
    ofTexts('invalid_text', 'must not hold NUL or a lone surrogate', isStorableText),
  ];
  return (target, property) => {
    for (const decorate of rules) decorate(target, property);
  };
}

/** An RFC 3339 time with offset, to the microsecond. */
export function IsInstant(): PropertyDecorator {
  return rule(
    'invalid',
    'must be an RFC 3339 time with offset, to the microsecond',
    (value) => typeof value === 'string' && parseInstant(value) !== undefined,
  );
}
