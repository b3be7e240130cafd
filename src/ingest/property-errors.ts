import { isKeptNumber } from '../domain/decimal.js';
import { jsonPointer } from '../domain/json-pointer.js';
import { isStorableText } from '../domain/text.js';
import type { FieldError } from '../problem/problem.js';
import { MAX_PROPERTIES, MAX_PROPERTIES_BYTES } from './usage-event-limits.js';

/** Longer names are not repeated in an answer: the pointer then stops at their object. */
const MAX_NAMED_CHARACTERS = 255;

/**
 * What is wrong with an event's properties, each by its own pointer.
 *
 * @returns Nothing for what is not an object; that is another rule's matter.
 */
export function propertyErrors(properties: unknown): FieldError[] {
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return [];
  const members = Object.entries(properties as Record<string, unknown>);
  if (members.length > MAX_PROPERTIES) {
    const detail = `properties has ${members.length} members, at most ${MAX_PROPERTIES} are kept`;
    return [{ pointer: '/properties', code: 'properties_too_many', detail }];
  }

  const errors = members.flatMap(([name, value]) => {
    const wrong = wrongWith(name, value);
    return wrong === undefined ? [] : [{ pointer: pointerTo(name), ...wrong }];
  });
  if (errors.length > 0) return firstOfEachPointer(errors);

  const bytes = Buffer.byteLength(JSON.stringify(properties));
  if (bytes <= MAX_PROPERTIES_BYTES) return [];
  const detail = `properties take ${bytes} bytes of JSON, at most ${MAX_PROPERTIES_BYTES} are kept`;
  return [{ pointer: '/properties', code: 'properties_too_large', detail }];
}

function wrongWith(name: string, value: unknown): Omit<FieldError, 'pointer'> | undefined {
  if (name === '__proto__') {
    return { code: 'properties_invalid', detail: '__proto__ cannot be the name of a property' };
  }
  if (!isStorableText(name)) {
    return { code: 'invalid_text', detail: 'the name holds NUL or a lone surrogate' };
  }
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      if (isKeptNumber(value)) return undefined;
      return Number.isFinite(value)
        ? { code: 'property_not_exact', detail: 'the number is beyond 2^53; send it as a string' }
        : { code: 'property_not_finite', detail: 'the number is out of the range of a double' };
    case 'string':
      if (isStorableText(value)) return undefined;
      return { code: 'invalid_text', detail: 'the text holds NUL or a lone surrogate' };
    default:
      return {
        code: 'property_not_scalar',
        detail: 'a property is a string, a number or a boolean',
      };
  }
}

function pointerTo(name: string): string {
  return name.length <= MAX_NAMED_CHARACTERS ? jsonPointer('properties', name) : '/properties';
}

/** Names that are too long to be told share their object's pointer. */
function firstOfEachPointer(errors: readonly FieldError[]): FieldError[] {
  const firsts = new Map<string, FieldError>();
  for (const error of errors) {
    if (!firsts.has(error.pointer)) firsts.set(error.pointer, error);
  }
  return [...firsts.values()];
}
