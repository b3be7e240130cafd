import { jsonPointer } from '../domain/json-pointer.js';
import { ASKED_WINDOWS } from '../domain/usage-window.js';
import { ValidationProblem, type FieldError } from '../problem/problem.js';
import type { UsageRequest } from './usage.service.js';

const TEXTS = ['meter', 'customer_id', 'from', 'to', 'timezone'] as const;
const FILTER = /^filter\[([^\]]{1,255})\]$/;

/**
 * Reads the query of GET /v1/usage. `group_by` takes dimensions separated by commas, `filter[name]`
 * one value or, repeated, several.
 */
export function toUsageRequest(query: Readonly<Record<string, unknown>>): UsageRequest {
  const errors: FieldError[] = [];
  const fail = (name: string, code: FieldError['code'], detail: string): void => {
    errors.push({ pointer: jsonPointer(name), code, detail });
  };
  const texts: Partial<Record<(typeof TEXTS)[number], string>> = {};
  // Without a prototype: `filter[__proto__]` is a dimension like any other that there is none of.
  const filter = Object.create(null) as Record<string, string[]>;
  let window: UsageRequest['window'];
  let groupBy: string[] | undefined;
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? value.map(String) : [String(value)];
    const dimension = FILTER.exec(name)?.[1];
    if (dimension !== undefined) filter[dimension] = values;
    else if (name === 'group_by')
      groupBy = values.flatMap((each) => each.split(',')).filter((each) => each !== '');
    else if (values.length > 1) fail(name, 'invalid', `${name} is given more than once`);
    else if (isOneOf(TEXTS, name)) texts[name] = values[0]!;
    else if (name !== 'window') fail(name, 'unknown_field', `there is no parameter ${name}`);
    else if (isOneOf(ASKED_WINDOWS, values[0]!)) window = values[0];
    else fail(name, 'invalid', `window is one of ${ASKED_WINDOWS.join(', ')}`);
  }
  const { meter, ...rest } = texts;
  if (meter === undefined || meter === '') fail('meter', 'required', 'meter is required');
  if (groupBy !== undefined && groupBy.length > 2)
    fail('group_by', 'invalid', 'at most two dimensions');
  if (errors.length > 0) throw new ValidationProblem(errors);
  return {
    meter: meter!,
    ...rest,
    ...(window === undefined ? {} : { window }),
    ...(groupBy === undefined ? {} : { group_by: groupBy }),
    filter,
  };
}

function isOneOf<const T extends readonly string[]>(list: T, text: string): text is T[number] {
  return list.includes(text);
}
