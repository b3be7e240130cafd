import { hash } from 'node:crypto';
import { lengthPrefixed } from './length-prefixed.js';
import type { UsageEvent } from './usage-event.js';

/**
 * The canonical form that `fingerprint` hashes. A new form takes the next number and the old one
 * stays, because prints are kept for ever and a resend must be compared in the form of its original.
 */
const CANONICAL_FORM = 1;

/** The contract's names of what a client sends, in the order of the canonical form. */
const FIELDS = [
  'source',
  'usage_event_id',
  'customer_id',
  'meter',
  'quantity',
  'occurred_at',
  'properties',
] as const;

/**
 * Sixteen bytes that tell a resend from another event under the same id, also when the event's
 * details are gone: the number of the canonical form, then the first 15 bytes of SHA-256 over it.
 *
 * Customers stand in it as they were sent, an alias stays that alias. An absent `occurred_at` is
 * left absent, so a retry at a later moment is still the same event.
 */
export function fingerprint(event: UsageEvent): Buffer {
  // As a string of bytes, because that is twice as fast as a Buffer would be.
  const digest = hash('sha256', lengthPrefixed(canonicalFields(event)), 'binary');
  const print = Buffer.allocUnsafe(16);
  print[0] = CANONICAL_FORM;
  print.write(digest, 1, 15, 'binary');
  return print;
}

/** The contract's fields in which two events differ, so that a conflict can say what it is about. */
export function differingFields(a: UsageEvent, b: UsageEvent): string[] {
  const fieldsOfB = canonicalFields(b);
  const fieldsOfA = canonicalFields(a);
  return FIELDS.filter((_, index) => fieldsOfA[index] !== fieldsOfB[index]);
}

function canonicalFields(event: UsageEvent): (string | undefined)[] {
  return [
    event.source,
    event.usageEventId,
    event.customerId,
    event.meter,
    event.quantity,
    event.occurredAt === undefined ? undefined : String(event.occurredAt),
    event.properties === undefined ? undefined : canonicalProperties(event.properties),
  ];
}

/** JSON without blanks, its keys in the order of their UTF-16 code units. */
function canonicalProperties(properties: NonNullable<UsageEvent['properties']>): string {
  const members = Object.keys(properties)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${JSON.stringify(properties[key])}`);
  return `{${members.join(',')}}`;
}
