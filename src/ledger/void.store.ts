import type { Queryable, Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { VoidKind } from '../domain/place-usage.js';

/** What a void changed in one meter. */
export interface VoidEffect {
  readonly meter: string;
  /** RFC 3339, of the period whose value changed. */
  readonly period_start: string;
  readonly kind: VoidKind;
  /** By how much. Canonical decimal; 0 where the event was not billed, or another one stands for it. */
  readonly value: string;
}

export const REPLACEMENT_STATUSES = ['accepted', 'duplicate'] as const;
export type ReplacementStatus = (typeof REPLACEMENT_STATUSES)[number];

/** That an event was voided. */
export interface VoidRecord {
  readonly eventKey: string;
  readonly reason: string;
  readonly voidedAt: Micros;
  readonly effects: readonly VoidEffect[];
  readonly replacementKey: string | null;
  readonly replacementStatus: ReplacementStatus | null;
  readonly bulkVoidId: string | null;
}

/** @throws A unique violation where one of the events was voided before. */
export async function insertVoidRecords(
  tx: Transaction,
  tenantId: string,
  records: readonly VoidRecord[],
): Promise<void> {
  await tx.query(
    `INSERT INTO usage_void (tenant_id, event_key, reason, voided_at, effects, replacement_key,
            replacement_status, bulk_void_id)
     SELECT $1, v.*
       FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::json[], $6::uuid[], $7::text[],
                   $8::uuid[])
         AS v (event_key, reason, voided_at, effects, replacement_key, replacement_status,
               bulk_void_id)
      ORDER BY v.event_key
     RETURNING 1`,
    [
      tenantId,
      plainArray(records.map((record) => record.eventKey)),
      records.map((record) => record.reason),
      plainArray(records.map((record) => formatInstantMicros(record.voidedAt))),
      records.map((record) => JSON.stringify(record.effects)),
      plainArray(records.map((record) => record.replacementKey)),
      records.map((record) => record.replacementStatus),
      plainArray(records.map((record) => record.bulkVoidId)),
    ],
  );
}

/** Those of the events that were voided. */
export async function readVoids(
  db: Queryable,
  tenantId: string,
  eventKeys: readonly string[],
): Promise<Map<string, VoidRecord>> {
  if (eventKeys.length === 0) return new Map();
  const rows = await db.query<VoidRecord>(
    `SELECT event_key AS "eventKey", reason, voided_at AS "voidedAt", effects,
            replacement_key AS "replacementKey", replacement_status AS "replacementStatus",
            bulk_void_id AS "bulkVoidId"
       FROM usage_void WHERE tenant_id = $1 AND event_key = ANY ($2::uuid[])`,
    [tenantId, plainArray(eventKeys)],
  );
  return new Map(rows.map((row) => [row.eventKey, row]));
}
