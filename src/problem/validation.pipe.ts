import {
  Injectable,
  ValidationPipe,
  type ArgumentMetadata,
  type PipeTransform,
} from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { jsonPointer } from '../domain/json-pointer.js';
import { isStorableText } from '../domain/text.js';
import { PROBLEMS, type ProblemCode } from './codes.js';
import { ValidationProblem, type FieldError } from './problem.js';
import { strippedNames } from './stripped-names.js';

/** Codes of class-validator's own constraints; a DTO names another by `context: { code }`. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  isDefined: 'required',
  isNotEmpty: 'required',
  whitelistValidation: 'unknown_field',
  nestedValidation: 'invalid_type',
  isString: 'invalid_type',
  isNumber: 'invalid_type',
  isInt: 'invalid_type',
  isBoolean: 'invalid_type',
  isArray: 'invalid_type',
  isObject: 'invalid_type',
  minLength: 'too_short',
  arrayNotEmpty: 'too_short',
  arrayMinSize: 'too_short',
  maxLength: 'too_long',
  arrayMaxSize: 'too_long',
};

/** Of the constraints that one field breaks, these say the most. */
const MOST_BASIC_FIRST: readonly ProblemCode[] = ['required', 'unknown_field', 'invalid_type'];

/**
 * The pipe of all DTOs: takes the fields they declare and no others, converts nothing, and answers
 * 422 with a pointer to each field that breaks a rule.
 */
@Injectable()
export class ProblemValidationPipe implements PipeTransform {
  private readonly fields = new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    // Implicitly "" would be 0 and "0x10" 16.
    transformOptions: { enableImplicitConversion: false },
    exceptionFactory: (errors) => new ValidationProblem(errors.flatMap((e) => fieldErrors(e, []))),
  });

  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    // Nest's own pipe makes an empty object of a text and of an empty list: a command without a
    // required field would then run on what was never meant as one.
    if (metadata.type === 'body' && isDto(metadata.metatype) && !isObjectOrAbsent(value)) {
      const detail = 'the body must be a JSON object';
      throw new ValidationProblem([{ pointer: '', code: 'invalid_type', detail }]);
    }
    if (metadata.type === 'query') refuseUnstorable(value);
    const stripped = isDto(metadata.metatype) ? strippedNames(value) : [];
    if (stripped.length > 0) throw new ValidationProblem(stripped);
    return this.fields.transform(value, metadata);
  }
}

/** Whether a parameter is declared by a class of ours; `unknown` and interfaces come as Object. */
function isDto(metatype: ArgumentMetadata['metatype']): boolean {
  const native: unknown[] = [undefined, Object, String, Number, Boolean, Array];
  return !native.includes(metatype);
}

/** Of what else there is Nest's pipe makes copies by its constructor: that of a stream ends the process. */
function isObjectOrAbsent(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** PostgreSQL cannot even compare with such a text; nothing that is kept holds one. */
function refuseUnstorable(query: unknown): void {
  const errors = Object.entries(query ?? {}).flatMap(([name, value]): FieldError[] => {
    const texts = [name, value].flat();
    if (texts.every((text) => typeof text !== 'string' || isStorableText(text))) return [];
    const detail = 'a parameter must not hold NUL or a lone surrogate';
    return [{ pointer: jsonPointer(name), code: 'invalid_text', detail }];
  });
  if (errors.length > 0) throw new ValidationProblem(errors);
}

function fieldErrors(error: ValidationError, parents: readonly string[]): FieldError[] {
  const path = [...parents, error.property];
  const nested = (error.children ?? []).flatMap((child) => fieldErrors(child, path));
  const constraints = Object.entries(error.constraints ?? {});
  if (constraints.length === 0) return nested;

  const broken = constraints.map(([name, detail]) => ({ code: codeOf(error, name), detail }));
  const told = MOST_BASIC_FIRST.map((code) => broken.find((b) => b.code === code)).find(Boolean);
  return [{ pointer: jsonPointer(...path), ...(told ?? broken[0]!) }, ...nested];
}

function codeOf(error: ValidationError, constraint: string): ProblemCode {
  if (error.value === undefined && constraint !== 'whitelistValidation') return 'required';
  const context: unknown = error.contexts?.[constraint];
  if (typeof context === 'object' && context !== null && 'code' in context) {
    const { code } = context;
    if (typeof code === 'string' && Object.hasOwn(PROBLEMS, code)) return code as ProblemCode;
  }
  return CODES[constraint] ?? 'invalid';
}
