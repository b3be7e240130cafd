import { parseInstant, type Micros } from '../domain/instant.js';
import { storableText } from './storable-json.js';

/** One code of an error report: how often it occurred, and the requests that Stripe names. */
export interface ReportedCode {
  readonly code: string;
  readonly errorCount: number;
  readonly samples: readonly ReportedSample[];
}

export interface ReportedSample {
  /** The identifier of the meter event, or the `Idempotency-Key` of its request. */
  readonly name: string;
  readonly message: string;
}

/** What Stripe says of meter events that it refused after it had answered 200. */
export interface MeterErrorReport {
  /** Null where no meter was found. */
  readonly stripeMeterId: string | null;
  /** When the events were looked at. */
  readonly from: Micros;
  readonly to: Micros;
  readonly codes: readonly ReportedCode[];
}

const MESSAGE_LENGTH_MAX = 500;

/**
 * Reads the fetched body of `v1.billing.meter.error_report_triggered` and `…no_meter_found`. Codes
 * are an open list. Stripe's samples name a request in two shapes: `{ identifier }`, and
 * `{ id, idempotency_key }`, whose id may be empty.
 *
 * @throws Error where the window of time is missing, without which unnamed events are not found.
 */
export function readMeterErrorReport(event: unknown): MeterErrorReport {
  const { data, related_object: related } = membersOf(event);
  const { reason, validation_start, validation_end } = membersOf(data);
  const from = instantOf(validation_start);
  const to = instantOf(validation_end);
  if (from === undefined || to === undefined) {
    throw new Error('the report of Stripe says nothing of its window of time');
  }
  const stripeMeterId = textOf(membersOf(related)['id']) ?? null;
  const types = listOf(membersOf(reason)['error_types']);
  return { stripeMeterId, from, to, codes: types.map(readCode) };
}

function readCode(type: unknown): ReportedCode {
  const { code, error_count, sample_errors } = membersOf(type);
  const samples = listOf(sample_errors).flatMap(readSample);
  // A count that is none is more than was named.
  const errorCount = Number.isSafeInteger(error_count) ? Number(error_count) : Infinity;
  return { code: textOf(code) ?? 'unnamed', errorCount, samples };
}

function readSample(sample: unknown): ReportedSample[] {
  const { error_message, request } = membersOf(sample);
  const { identifier, idempotency_key, id } = membersOf(request);
  const name = textOf(identifier) ?? textOf(idempotency_key) ?? textOf(id);
  if (name === undefined) return [];
  return [{ name, message: (textOf(error_message) ?? '').slice(0, MESSAGE_LENGTH_MAX) }];
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** As PostgreSQL can take it. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? storableText(value) : undefined;
}

/** The SDK may have made a Date of it. */
function instantOf(value: unknown): Micros | undefined {
  const text = value instanceof Date ? value.toISOString() : value;
  return typeof text === 'string' ? parseInstant(text) : undefined;
}
