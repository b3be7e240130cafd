import { validateSync, type ValidationError } from 'class-validator';
import { jsonPointer } from '../domain/json-pointer.js';
import type { ProblemCode } from '../problem/codes.js';
import type { FieldError } from '../problem/problem.js';
import { propertyErrors } from './property-errors.js';
import { UsageEventDto } from './usage-event.dto.js';

const FIELDS = [
  'usage_event_id',
  'source',
  'customer_id',
  'meter',
  'quantity',
  'occurred_at',
  'properties',
] as const satisfies (keyof UsageEventDto)[];

/** One field gets one error: of the rules it breaks, the most basic. */
const MOST_BASIC_FIRST: readonly ProblemCode[] = ['required', 'invalid_type', 'properties_invalid'];

/** More would repeat the body in the answer. */
const MAX_UNKNOWN_FIELDS_NAMED = 10;
const MAX_NAMED_CHARACTERS = 255;

/**
 * What is wrong with the shape of a usage event, by class-validator.
 *
 * @param raw A parsed JSON value.
 * @returns One error per field or property, pointers relative to the event; empty if it is one.
 */
export function usageEventErrors(raw: unknown): FieldError[] {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return [{ pointer: '', code: 'invalid_type', detail: 'a usage event is a JSON object' }];
  }
  // Not class-transformer, which drops members named `constructor` or `__proto__` unseen; nor
  // class-validator's whitelist, which takes the names on Object.prototype for known ones.
  const given = new Map<string, unknown>(Object.entries(raw));
  const known = FIELDS.filter((field) => given.has(field)).map((field) => [
    field,
    given.get(field),
  ]);
  const event = Object.assign(new UsageEventDto(), Object.fromEntries(known));

  const broken = validateSync(event, { validationError: { target: false, value: false } });
  return [...broken.flatMap((field) => errorsOf(field, given)), ...unknownFields(given.keys())];
}

function errorsOf(broken: ValidationError, given: ReadonlyMap<string, unknown>): FieldError[] {
  const codes = Object.keys(broken.constraints ?? {}) as ProblemCode[];
  const code = MOST_BASIC_FIRST.find((basic) => codes.includes(basic)) ?? codes[0]!;
  if (broken.property === 'properties' && code !== 'properties_invalid') {
    return propertyErrors(given.get('properties'));
  }
  const detail = broken.constraints?.[code] ?? '';
  return [{ pointer: jsonPointer(broken.property), code, detail }];
}

function unknownFields(names: Iterable<string>): FieldError[] {
  return [...names]
    .filter((name) => !(FIELDS as readonly string[]).includes(name))
    .slice(0, MAX_UNKNOWN_FIELDS_NAMED)
    .map((name) => ({
      pointer: name.length <= MAX_NAMED_CHARACTERS ? jsonPointer(name) : '',
      code: 'unknown_field',
      detail: 'a usage event has no such field; data of your own belongs into properties',
    }));
}
