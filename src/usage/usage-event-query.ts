import type { Queryable } from '../database/connections.js';
import { formatInstant, formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PropertyValue } from '../domain/usage-event.js';
import { entriesWithKeys, isLater } from '../ledger/event-rows.js';
import { isInLedger } from '../ledger/gone-months.js';
import type { VoidEffect } from '../ledger/void.store.js';
import type { PushStatus } from '../outbox/push-status.js';
import type { EventExplanation } from './counted-in.answer.js';
import type { UsageEventAnswer } from './usage-event.answer.js';

/** Which events a list is of; absent members do not restrict it. */
export interface UsageEventFilter {
  readonly eventKey?: string;
  readonly source?: string;
  readonly customerNo?: number;
  readonly meterNo?: number;
  readonly from?: Micros;
  readonly to?: Micros;
  readonly late?: boolean;
  readonly voided?: boolean;
  /**
   * Only what stands behind this statement: entries billed in the period, and voids in it. Revision
   * 0 is the statement itself, a later one an amendment of it.
   */
  readonly period?: PeriodRevision;
}

export interface PeriodRevision {
  readonly meterNo: number;
  readonly start: Micros;
  readonly revision: number;
}

export interface UsageEventRow {
  readonly event_key: string;
  /** Null, as the next two, where the event was erased. */
  readonly source: string | null;
  readonly usage_event_id: string | null;
  readonly customer_id: string | null;
  readonly meter: string;
  readonly quantity: string | null;
  readonly occurred_at: Micros;
  readonly properties: Record<string, PropertyValue> | null;
  readonly received_at: Micros;
  readonly copies: number;
  readonly last_seen_at: Micros | null;
  readonly voided_at: Micros | null;
  readonly void_reason: string | null;
  readonly void_effects: readonly VoidEffect[] | null;
  /** What was recorded in its place. */
  readonly replacement: {
    readonly usage_event_id: string | null;
    readonly source: string | null;
  } | null;
}

export interface EntryRow {
  readonly event_key: string;
  readonly meter: string;
  readonly customer_id: string;
  readonly value: string;
  readonly period_start: Micros;
  readonly period_end: Micros | null;
  readonly late: boolean;
  readonly billable: boolean;
  readonly settings_version: number;
  readonly pushes: { identifier: string; status: PushStatus }[] | null;
}

/** What {@link usageEvents} sorts by: when it occurred, and its key. */
export const USAGE_EVENT_KEY = ['instant', 'uuid'] as const;

/** Whether an entry of the event is of the meter, the period or the lateness that is asked for. */
const hasEntry = (isOne: string): string => `EXISTS (
  SELECT FROM usage_entry u
   WHERE u.tenant_id = $1 AND u.event_key = e.event_key AND ${isOne}
     AND ($6::integer IS NULL OR u.meter_no = $6)
     AND ($7::boolean IS NULL OR u.late = $7)
     AND ($8::timestamptz IS NULL OR (u.period_start = $8 AND u.billable AND u.revision = $14))
     AND NOT EXISTS (SELECT FROM usage_entry newer
           WHERE newer.tenant_id = $1 AND newer.event_key = u.event_key
             AND newer.meter_no = u.meter_no AND newer.is_void = u.is_void
             AND ${isLater('newer')} AND newer.entry_no > u.entry_no))`;

/** Events in order of occurrence, one page of them; those of months that have left are not among them. */
export async function usageEvents(
  db: Queryable,
  tenantId: string,
  filter: UsageEventFilter,
  after: readonly string[] | undefined,
  limit: number,
): Promise<UsageEventRow[]> {
  const instant = (at: Micros | undefined): string | null =>
    at === undefined ? null : formatInstantMicros(at);
  return db.query<UsageEventRow>(
    `SELECT e.event_key, e.source, e.usage_event_id, e.customer_id, e.meter,
            trim_scale(e.quantity)::text AS quantity, e.occurred_at, e.properties, e.received_at,
            coalesce(c.copies, 0)::bigint AS copies, c.last_seen_at,
            v.voided_at, v.reason AS void_reason, v.effects AS void_effects,
            CASE WHEN v.replacement_key IS NOT NULL THEN json_build_object(
              'usage_event_id', r.usage_event_id, 'source', r.source) END AS replacement
       FROM usage_event e
       LEFT JOIN usage_event_copy c ON c.tenant_id = $1 AND c.event_key = e.event_key
       LEFT JOIN usage_void v ON v.tenant_id = $1 AND v.event_key = e.event_key
       LEFT JOIN usage_event_key k ON k.tenant_id = $1 AND k.event_key = v.replacement_key
       LEFT JOIN usage_event r ON r.tenant_id = $1 AND r.event_key = k.event_key
             AND r.received_at = k.received_at
      WHERE e.tenant_id = $1 AND ${isInLedger('e.received_at')}
        AND ($2::uuid IS NULL OR (e.event_key = $2 AND e.received_at = (
              SELECT received_at FROM usage_event_key WHERE tenant_id = $1 AND event_key = $2)))
        AND ($12::text IS NULL OR e.source = $12)
        AND ($13::boolean IS NULL OR (v.event_key IS NOT NULL) = $13)
        AND ($3::bigint IS NULL OR e.customer_no = $3)
        AND ($4::timestamptz IS NULL OR e.occurred_at >= $4)
        AND ($5::timestamptz IS NULL OR e.occurred_at < $5)
        AND (($6::integer IS NULL AND $7::boolean IS NULL AND $8::timestamptz IS NULL)
             OR ${hasEntry('u.received_at = e.received_at AND NOT u.is_void')}
             OR ($8::timestamptz IS NOT NULL AND ${hasEntry('u.is_void')}))
        AND ($9::timestamptz IS NULL OR (e.occurred_at, e.event_key) > ($9::timestamptz, $10::uuid))
      ORDER BY e.occurred_at, e.event_key
      LIMIT $11`,
    [
      tenantId,
      filter.eventKey ?? null,
      filter.customerNo ?? null,
      instant(filter.from),
      instant(filter.to),
      filter.period?.meterNo ?? filter.meterNo ?? null,
      filter.late ?? null,
      instant(filter.period?.start),
      after?.[0] ?? null,
      after?.[1] ?? null,
      limit,
      filter.source ?? null,
      filter.voided ?? null,
      filter.period?.revision ?? null,
    ],
  );
}

/** What each event counts in each meter, where it is billed, and what was pushed of that period. */
export async function entriesOf(
  db: Queryable,
  tenantId: string,
  eventKeys: readonly string[],
): Promise<Map<string, EntryRow[]>> {
  const rows = await db.query<EntryRow>(
    `SELECT DISTINCT ON (u.event_key, u.meter_no) u.event_key, m.key AS meter, c.customer_id,
            trim_scale(u.quantity)::text AS value, u.period_start, p.period_end, u.late, u.billable,
            u.settings_version,
            (SELECT json_agg(json_build_object('identifier', s.identifier, 'status', s.status)
                             ORDER BY s.created_at, s.identifier)
               FROM push s
              WHERE u.billable AND s.tenant_id = $1 AND s.customer_no = u.customer_no
                AND s.meter_no = u.meter_no AND s.period_start = u.period_start) AS pushes
       FROM ${entriesWithKeys('$2::uuid[]')} u
       JOIN meter m ON m.tenant_id = $1 AND m.meter_no = u.meter_no
       JOIN customer c ON c.tenant_id = $1 AND c.customer_no = u.customer_no
       LEFT JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = u.customer_no
             AND p.meter_no = u.meter_no AND p.period_start = u.period_start AND u.billable
      ORDER BY u.event_key, u.meter_no, u.entry_no DESC`,
    [tenantId, eventKeys],
  );
  const byEvent = new Map<string, EntryRow[]>();
  for (const row of rows) byEvent.set(row.event_key, [...(byEvent.get(row.event_key) ?? []), row]);
  return byEvent;
}

/** @param explained What else is said of each meter, by its key. */
export function fromUsageEvent(
  row: UsageEventRow,
  entries: readonly EntryRow[],
  explained: ReadonlyMap<string, EventExplanation> = new Map(),
): UsageEventAnswer {
  return {
    usage_event_id: row.usage_event_id,
    source: row.source,
    customer_id: row.customer_id,
    meter: row.meter,
    quantity: row.quantity,
    occurred_at: formatInstant(row.occurred_at),
    properties: row.properties,
    received_at: formatInstant(row.received_at),
    copies: row.copies,
    last_copy_at: row.last_seen_at === null ? null : formatInstant(row.last_seen_at),
    voided: row.voided_at !== null,
    void: toVoid(row),
    meters: entries.map((entry) => ({
      meter: entry.meter,
      customer_id: entry.customer_id,
      value: entry.value,
      period_start: formatInstant(entry.period_start),
      period_end: entry.period_end === null ? null : formatInstant(entry.period_end),
      late: entry.late,
      billable: entry.billable,
      voided: row.voided_at !== null,
      settings_version: entry.settings_version,
      pushes: entry.pushes ?? [],
      ...explained.get(entry.meter),
    })),
  };
}

function toVoid(row: UsageEventRow): UsageEventAnswer['void'] {
  if (row.voided_at === null) return null;
  return {
    voided_at: formatInstant(row.voided_at),
    reason: row.void_reason!,
    effects: row.void_effects!,
    replacement: row.replacement,
  };
}
