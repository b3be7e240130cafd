import type { Queryable } from '../database/connections.js';
import { isInLedger } from '../ledger/gone-months.js';
import type { PropertyValue } from '../domain/usage-event.js';
import { scopeParameters, type ReplayScope } from './period-keys.store.js';

/** An id that is taken, and no entry of it. */
export interface EntrylessKey {
  readonly event_key: string;
  readonly received_at: string;
  /** What is known of the event; null where its details are gone. */
  readonly usage_event_id: string | null;
  readonly source: string | null;
  readonly customer_id: string | null;
  readonly customer_no: number | null;
  readonly meter: string | null;
  readonly quantity: string | null;
  readonly occurred_at: string | null;
  readonly properties: Record<string, PropertyValue> | null;
}

/** Where a walk through the registry has come to. */
export interface RegistryPosition {
  readonly eventKey: string;
  /** Of a customer's events, which are walked through by time. */
  readonly occurredAt?: string;
}

export interface RegistryChunk {
  readonly keys: number;
  readonly last: RegistryPosition | undefined;
  readonly entryless: readonly EntrylessKey[];
}

interface ChunkRow {
  readonly keys: number;
  readonly lastKey: string | null;
  readonly lastAt: string | null;
  readonly entryless: EntrylessKey[] | null;
}

/** The next ids of the registry; with a customer or a time, those of its events. */
export async function nextKeys(
  db: Queryable,
  tenantId: string,
  scope: ReplayScope,
  after: RegistryPosition | undefined,
  limit: number,
): Promise<RegistryChunk> {
  const isOfCustomer = scope.customerNo !== null;
  const [row] = await db.query<ChunkRow>(isOfCustomer ? OF_CUSTOMER : OF_ALL, [
    ...scopeParameters(tenantId, scope),
    after?.eventKey ?? null,
    ...(isOfCustomer ? [after?.occurredAt ?? null] : []),
    limit,
  ]);
  const { keys, lastKey, lastAt, entryless } = row!;
  return {
    keys,
    last:
      lastKey === null
        ? undefined
        : { eventKey: lastKey, ...(isOfCustomer ? { occurredAt: lastAt! } : {}) },
    entryless: entryless ?? [],
  };
}

const instant = (column: string): string => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/**
 * The time of receipt finds the one month that an event and its entries stand in. Of a month that has
 * left, the ids alone are there.
 */
const CHUNK_OF = (limit: string): string => `
  last AS (SELECT event_key, occurred_at FROM chunk ORDER BY place DESC LIMIT 1),
  lacking AS (
    SELECT k.* FROM chunk k
     WHERE k.asked AND ${isInLedger('k.received_at')} AND NOT EXISTS (SELECT FROM usage_entry e
                                    WHERE e.tenant_id = $1 AND e.event_key = k.event_key
                                      AND e.received_at = k.received_at)
     LIMIT ${limit})
  SELECT (SELECT count(*) FROM chunk WHERE asked) AS "keys",
         (SELECT event_key FROM last) AS "lastKey",
         (SELECT ${instant('occurred_at')} FROM last) AS "lastAt",
         (SELECT jsonb_agg(jsonb_build_object(
                   'event_key', k.event_key, 'received_at', ${instant('k.received_at')},
                   'usage_event_id', u.usage_event_id, 'source', u.source,
                   'customer_id', u.customer_id, 'customer_no', u.customer_no, 'meter', u.meter,
                   'quantity', trim_scale(u.quantity)::text,
                   'occurred_at', ${instant('u.occurred_at')}, 'properties', u.properties))
            FROM lacking k
            LEFT JOIN usage_event u ON u.tenant_id = $1 AND u.event_key = k.event_key
                                   AND u.received_at = k.received_at) AS "entryless"`;

/** Of an event whose details are gone nobody knows when it occurred: it is asked for with all alone. */
const OF_ALL = `
  WITH chunk AS MATERIALIZED (
    SELECT k.event_key, k.received_at, NULL::timestamptz AS occurred_at,
           row_number() OVER (ORDER BY k.event_key) AS place,
           ($2::bigint IS NULL AND $3::timestamptz IS NULL AND $4::timestamptz IS NULL)
             OR EXISTS (SELECT FROM usage_event u
                         WHERE u.tenant_id = $1 AND u.event_key = k.event_key
                           AND u.received_at = k.received_at AND ($3 IS NULL OR u.occurred_at >= $3)
                           AND ($4 IS NULL OR u.occurred_at < $4)) AS asked
      FROM (SELECT event_key, received_at FROM usage_event_key
             WHERE tenant_id = $1 AND ($5::uuid IS NULL OR event_key > $5)
             ORDER BY event_key LIMIT $6) k), ${CHUNK_OF('$6')}`;

const OF_CUSTOMER = `
  WITH chunk AS MATERIALIZED (
    SELECT k.event_key, k.received_at, k.occurred_at, true AS asked,
           row_number() OVER (ORDER BY k.occurred_at, k.event_key) AS place
      FROM (SELECT event_key, received_at, occurred_at FROM usage_event
             WHERE tenant_id = $1 AND customer_no = $2
               AND ($3::timestamptz IS NULL OR occurred_at >= $3)
               AND ($4::timestamptz IS NULL OR occurred_at < $4)
               AND ($5::uuid IS NULL OR (occurred_at, event_key) > ($6::timestamptz, $5))
             ORDER BY occurred_at, event_key LIMIT $7) k), ${CHUNK_OF('$7')}`;
