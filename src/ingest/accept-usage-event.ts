import { canonicalDecimal, decimalOfNumber, isKeptNumber } from '../domain/decimal.js';
import { parseInstant } from '../domain/instant.js';
import { isAtMost, isStorableText } from '../domain/text.js';
import type { PropertyValue, UsageEvent } from '../domain/usage-event.js';
import { MAX_PROPERTIES, MAX_PROPERTIES_BYTES, MAX_TEXT_CHARACTERS } from './usage-event-limits.js';

const FIELDS: ReadonlySet<string> = new Set([
  'usage_event_id',
  'source',
  'customer_id',
  'meter',
  'quantity',
  'occurred_at',
  'properties',
]);

/**
 * The fast way in: takes a parsed JSON value as a usage event, or says no without a reason.
 *
 * It accepts exactly what `UsageEventDto` declares (a property test holds the two equal), at a
 * small part of class-validator's price; class-validator speaks only when this says no.
 */
export function acceptUsageEvent(raw: unknown): UsageEvent | undefined {
  if (!isObject(raw)) return undefined;
  for (const key of Object.keys(raw)) if (!FIELDS.has(key)) return undefined;

  const {
    usage_event_id,
    source = '',
    customer_id,
    meter,
    quantity,
    occurred_at,
    properties,
  } = raw;
  if (!isName(usage_event_id) || !isName(customer_id) || !isName(meter)) return undefined;
  if (source !== '' && !isName(source)) return undefined;

  const decimal = quantity === undefined ? undefined : toDecimal(quantity);
  if (decimal === undefined && quantity !== undefined) return undefined;

  const instant = typeof occurred_at === 'string' ? parseInstant(occurred_at) : undefined;
  if (instant === undefined && occurred_at !== undefined) return undefined;

  if (properties !== undefined && !areProperties(properties)) return undefined;
  return {
    usageEventId: usage_event_id,
    source,
    customerId: customer_id,
    meter,
    quantity: decimal,
    occurredAt: instant,
    properties,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    isAtMost(value, MAX_TEXT_CHARACTERS) &&
    isStorableText(value)
  );
}

function toDecimal(quantity: unknown): string | undefined {
  if (typeof quantity === 'string') return canonicalDecimal(quantity);
  return typeof quantity === 'number' ? decimalOfNumber(quantity) : undefined;
}

function areProperties(value: unknown): value is Record<string, PropertyValue> {
  if (!isObject(value)) return false;
  const keys = Object.keys(value);
  if (keys.length > MAX_PROPERTIES) return false;
  // JSON spells a UTF-16 code unit with at most 6 bytes, a number with at most 25.
  let bytesAtMost = 2;
  for (const key of keys) {
    const property = value[key];
    if (key === '__proto__' || !isStorableText(key)) return false;
    if (typeof property === 'string') {
      if (!isStorableText(property)) return false;
      bytesAtMost += property.length * 6;
    } else if (typeof property === 'number') {
      if (!isKeptNumber(property)) return false;
    } else if (typeof property !== 'boolean') {
      return false;
    }
    bytesAtMost += key.length * 6 + 30;
  }
  return (
    bytesAtMost <= MAX_PROPERTIES_BYTES ||
    Buffer.byteLength(JSON.stringify(value)) <= MAX_PROPERTIES_BYTES
  );
}
