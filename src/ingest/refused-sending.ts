import { hash, randomUUID } from 'node:crypto';
import { fingerprint } from '../domain/fingerprint.js';
import { isAtMost, isStorableText } from '../domain/text.js';
import type { Verdict } from '../ledger/verdict.js';
import type { EventShape, Refusal, RefusedEvent } from '../quarantine/refused-event.js';
import { acceptUsageEvent } from './accept-usage-event.js';
import { toUsageEventShape } from './cloud-event.js';
import { toResult } from './receipt.dto.js';
import { MAX_TEXT_CHARACTERS } from './usage-event-limits.js';

/** An event as it came in by one of the doors. */
export interface Sending {
  /** A parsed JSON value, or undefined where not even that could be read. */
  readonly raw: unknown;
  readonly shape: EventShape;
}

/** Where the two shapes keep what an event is found by. */
const MEMBERS = {
  usage_event: {
    id: 'usage_event_id',
    source: 'source',
    customerId: 'customer_id',
    meter: 'meter',
  },
  cloud_event: { id: 'id', source: 'source', customerId: 'subject', meter: 'type' },
} as const satisfies Record<EventShape, unknown>;

/** Up to 50 properties may be wrong, each with its name in the pointer. */
const ERRORS_KEPT_MAX = 20;

/**
 * What quarantine keeps of an event and its verdict.
 *
 * @returns undefined where it was recorded, is not walked at all, or cannot be told from others: it has
 *   no lawful id.
 */
export function toRefusedEvent(
  { raw, shape }: Sending,
  verdict: Verdict,
  historical: boolean,
): RefusedEvent | undefined {
  const refusal = toRefusal(verdict);
  // As a line of a stream that is not read for the same reason.
  if (refusal?.code === 'nesting_too_deep') return undefined;
  if (refusal === undefined || typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return undefined;
  }
  const sent = raw as Record<string, unknown>;
  const { id, source, customerId, meter } = MEMBERS[shape];
  const usageEventId = nameOf(sent[id]);
  if (usageEventId === null) return undefined;
  const given = sent[source];
  return {
    id: contentId(sent, shape),
    usageEventId,
    source: given === undefined || given === null || given === '' ? '' : nameOf(given),
    customerId: nameOf(sent[customerId]),
    meter: nameOf(sent[meter]),
    shape,
    historical,
    event: jsonText(sent),
    refusal,
  };
}

/** Why an event was not recorded, its pointers relative to the event; undefined where it was. */
export function toRefusal(verdict: Verdict): Refusal | undefined {
  const { error, errors } = toResult(0, { usageEventId: undefined, pointer: '' }, verdict);
  if (error === undefined) return undefined;
  return {
    code: error.code,
    errors: (errors ?? [error])
      .slice(0, ERRORS_KEPT_MAX)
      .map(({ code, pointer = '', detail }) => ({ code, pointer, detail })),
    fields: error.fields ?? null,
  };
}

function nameOf(value: unknown): string | null {
  const isName =
    typeof value === 'string' &&
    value !== '' &&
    isAtMost(value, MAX_TEXT_CHARACTERS) &&
    isStorableText(value);
  return isName ? value : null;
}

/**
 * Sixteen bytes that tell one content from another. Of an event that is lawful in itself, its
 * fingerprint, so that it is one row whoever sends it, in whichever spelling; of any other, a zero
 * byte, which begins no fingerprint, and 15 bytes of SHA-256 over its JSON with sorted keys.
 */
function contentId(sent: Record<string, unknown>, shape: EventShape): string {
  const taken = shape === 'cloud_event' ? toUsageEventShape(sent) : { shape: sent };
  const event = 'shape' in taken ? acceptUsageEvent(taken.shape) : undefined;
  const hex =
    event === undefined
      ? `00${hash('sha256', jsonText([shape, sorted(sent)]), 'hex').slice(0, 30)}`
      : fingerprint(event).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const members = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(
    members.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, part]) => [name, sorted(part)]),
  );
}

/**
 * JSON that is read as the same value again, in characters that PostgreSQL takes: NUL and lone
 * surrogates come out as escapes. Numbers beyond a double, which JSON.stringify makes `null`, stay
 * beyond it: as `null` a replay would take the member of a CloudEvent for absent.
 */
function jsonText(value: unknown): string {
  let marker: string | undefined;
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'number' || Number.isFinite(part)) return part;
    marker ??= randomUUID();
    return `${part < 0 ? '-' : ''}${marker}`;
  });
  if (marker === undefined) return text;
  return text.replaceAll(new RegExp(`"(-?)${marker}"`, 'g'), '$11e999');
}
