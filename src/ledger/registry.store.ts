import type { Queryable, Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PropertyValue, UsageEvent } from '../domain/usage-event.js';
import { eventsWithKeys } from './event-rows.js';

export interface KnownKey {
  readonly eventKey: string;
  readonly fingerprint: Buffer;
  readonly receivedAt: Micros;
}

/**
 * Takes the ids that are free, and tells which they were.
 *
 * A row that another transaction committed while this statement waited for it is invisible to this
 * statement's snapshot: what did not come back must be read by `readKeys`, in a statement of its own.
 *
 * @param eventKeys Each at most once.
 */
export async function takeKeys(
  tx: Transaction,
  tenantId: string,
  eventKeys: readonly string[],
  fingerprints: readonly Buffer[],
  receivedAt: Micros,
): Promise<Set<string>> {
  const rows = await tx.query<{ event_key: string }>(
    `INSERT INTO usage_event_key (tenant_id, event_key, fingerprint, received_at)
     SELECT $1, k.event_key, k.fingerprint, $4::timestamptz
       FROM unnest($2::uuid[], $3::bytea[]) AS k (event_key, fingerprint)
      ORDER BY k.event_key
         ON CONFLICT DO NOTHING
     RETURNING event_key`,
    [tenantId, plainArray(eventKeys), fingerprints, formatInstantMicros(receivedAt)],
  );
  return new Set(rows.map((row) => row.event_key));
}

export async function readKeys(
  db: Queryable,
  tenantId: string,
  eventKeys: readonly string[],
): Promise<Map<string, KnownKey>> {
  if (eventKeys.length === 0) return new Map();
  const rows = await db.query<KnownKey>(
    `SELECT event_key AS "eventKey", fingerprint, received_at AS "receivedAt"
       FROM usage_event_key WHERE tenant_id = $1 AND event_key = ANY ($2::uuid[])`,
    [tenantId, plainArray(eventKeys)],
  );
  return new Map(rows.map((row) => [row.eventKey, row]));
}

/** The events as they were recorded, but for erased ones, for telling in what a conflicting one differs. */
export async function readOriginals(
  db: Queryable,
  tenantId: string,
  eventKeys: readonly string[],
): Promise<Map<string, UsageEvent>> {
  if (eventKeys.length === 0) return new Map();
  const rows = await db.query<{
    event_key: string;
    usage_event_id: string;
    source: string;
    customer_id: string;
    meter: string;
    quantity: string | null;
    occurred_at: Micros;
    occurred_at_sent: boolean;
    properties: Record<string, PropertyValue> | null;
  }>(
    `SELECT event_key, usage_event_id, source, customer_id, meter,
            trim_scale(quantity)::text AS quantity, occurred_at, occurred_at_sent, properties
       FROM ${eventsWithKeys('$2::uuid[]')} e WHERE usage_event_id IS NOT NULL`,
    [tenantId, eventKeys],
  );
  return new Map(
    rows.map((row) => [
      row.event_key,
      {
        usageEventId: row.usage_event_id,
        source: row.source,
        customerId: row.customer_id,
        meter: row.meter,
        quantity: row.quantity ?? undefined,
        occurredAt: row.occurred_at_sent ? row.occurred_at : undefined,
        properties: row.properties ?? undefined,
      },
    ]),
  );
}

/** Counts copies of recorded events. */
export async function countCopies(
  tx: Transaction,
  tenantId: string,
  copies: ReadonlyMap<string, number>,
  seenAt: Micros,
): Promise<void> {
  if (copies.size === 0) return;
  await tx.query(
    `INSERT INTO usage_event_copy AS c (tenant_id, event_key, copies, last_seen_at)
     SELECT $1, k.event_key, k.copies, $4::timestamptz
       FROM unnest($2::uuid[], $3::bigint[]) AS k (event_key, copies)
      ORDER BY k.event_key
         ON CONFLICT ON CONSTRAINT usage_event_copy_pkey DO UPDATE
        SET copies = c.copies + excluded.copies,
            last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at)`,
    [tenantId, [...copies.keys()], [...copies.values()], formatInstantMicros(seenAt)],
  );
}
