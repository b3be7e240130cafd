import { jsonPointer } from '../domain/json-pointer.js';
import type { FieldError } from '../problem/problem.js';
import { checkUsageEvent, type CheckContext, type CheckedUsageEvent } from './check-usage-event.js';

/**
 * CloudEvents 1.0, structured mode in JSON.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export type UsageEventShape =
  { readonly shape: unknown } | { readonly errors: readonly FieldError[] };

/** The attributes that become a field of a usage event. */
const FIELDS = {
  id: 'usage_event_id',
  source: 'source',
  subject: 'customer_id',
  type: 'meter',
  time: 'occurred_at',
} as const;

const JSON_MEDIA_TYPE = /^[\w.!#$&^-]+\/(?:[\w.!#$&^-]+\+)?json *(?:;|$)/i;

/** What the specification lets an extension be called. */
const ATTRIBUTE_NAME = /^[a-z0-9]+$/;

/** Takes a parsed JSON value as a CloudEvent, or says what is wrong with it, by its own members. */
export function checkCloudEvent(raw: unknown, context: CheckContext): CheckedUsageEvent {
  const taken = toUsageEventShape(raw);
  if ('errors' in taken) return taken;
  const checked = checkUsageEvent(taken.shape, context);
  if ('event' in checked) return checked;
  return {
    errors: checked.errors.map((e) => ({ ...e, pointer: cloudEventPointer(e.pointer) })),
  };
}

/** The usage event that a CloudEvent holds, unchecked but for what only a CloudEvent has. */
export function toUsageEventShape(raw: unknown): UsageEventShape {
  if (!isObject(raw)) {
    return { errors: [error('', 'invalid_type', 'a CloudEvent is a JSON object')] };
  }
  // "A null attribute value MUST be treated as the equivalent of unset or omitted."
  const attributes = new Map(Object.entries(raw).filter(([, value]) => value !== null));
  const errors = [...attributeErrors(attributes), ...dataErrors(attributes)];
  if (errors.length > 0) return { errors };

  const { quantity, ...properties } = (attributes.get('data') ?? {}) as Record<string, unknown>;
  const fields = Object.entries(FIELDS).map(([name, field]) => [field, attributes.get(name)]);
  const shape: Record<string, unknown> = {
    ...Object.fromEntries(fields),
    quantity: quantity ?? undefined,
  };
  if (Object.keys(properties).length > 0) shape.properties = properties;
  return { shape: withoutAbsent(shape) };
}

/** Where in a CloudEvent the member of the usage event is that a pointer names. */
export function cloudEventPointer(pointer: string): string {
  if (pointer === '/quantity') return '/data/quantity';
  if (pointer.startsWith('/properties')) return pointer.replace('/properties', '/data');
  for (const [name, field] of Object.entries(FIELDS))
    if (pointer === `/${field}`) return `/${name}`;
  return pointer;
}

function attributeErrors(attributes: ReadonlyMap<string, unknown>): FieldError[] {
  const errors: FieldError[] = [];
  if (attributes.get('specversion') !== '1.0') {
    errors.push(error('/specversion', 'specversion_unsupported', 'specversion must be "1.0"'));
  }
  const source = attributes.get('source');
  if (source === undefined) errors.push(error('/source', 'required', 'source is missing'));
  if (source === '') errors.push(error('/source', 'too_short', 'source must not be empty'));

  for (const [name, value] of attributes) {
    if (name === 'data' || name === 'data_base64') continue;
    const pointer = name.length <= 255 ? jsonPointer(name) : '';
    if (!ATTRIBUTE_NAME.test(name)) {
      const detail = 'the name of an attribute has lower-case letters and digits alone';
      errors.push(error(pointer, 'unknown_field', detail));
    } else if (typeof value === 'object' && !(name in FIELDS)) {
      errors.push(error(pointer, 'invalid_type', 'an attribute is a string, number or boolean'));
    }
  }
  return errors;
}

function dataErrors(attributes: ReadonlyMap<string, unknown>): FieldError[] {
  if (attributes.has('data_base64')) {
    return [error('/data_base64', 'data_not_json', 'data must be a JSON object, not base64')];
  }
  const type = attributes.get('datacontenttype');
  if (type !== undefined && !(typeof type === 'string' && JSON_MEDIA_TYPE.test(type))) {
    return [error('/datacontenttype', 'data_not_json', 'datacontenttype must be a JSON type')];
  }
  const data = attributes.get('data');
  if (data === undefined || isObject(data)) return [];
  return [error('/data', 'invalid_type', 'data must be a JSON object')];
}

function withoutAbsent(shape: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined));
}

function error(pointer: string, code: FieldError['code'], detail: string): FieldError {
  return { pointer, code, detail };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
