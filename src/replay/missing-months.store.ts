import type { Queryable } from '../database/connections.js';
import { formatInstant, formatInstantMicros, type Micros } from '../domain/instant.js';
import { GONE_BEFORE } from '../ledger/gone-months.js';
import { Problem } from '../problem/problem.js';

/**
 * Asked first and by itself. First, since a month that leaves meanwhile is not missing; by itself, since on
 * Citus nothing that is asked of a tenant's node can be held against this one's catalog.
 */
const IN_LEDGER = `
  SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
   WHERE i.inhparent = 'usage_entry'::regclass`;

/** Since the tenant is there, and no checkpoint stands in their place. */
const MONTHS = `
  SELECT m.month, 'usage_entry' || to_char(m.month, '_YYYY_MM') AS name
    FROM tenant t
   CROSS JOIN LATERAL generate_series(
           greatest(date_trunc('month', t.created_at), ${GONE_BEFORE}),
           clock_timestamp(), interval '1 month') AS m (month)
   WHERE t.tenant_id = $1 ORDER BY m.month`;

/** Months that were never made are missing as well: of those, no id was taken in them. */
const HAS_KEYS = `
  SELECT FROM usage_event_key k
   WHERE k.tenant_id = $1 AND k.received_at >= $2::timestamptz
     AND k.received_at < $2::timestamptz + interval '1 month' LIMIT 1`;

/**
 * Without its entries and without a checkpoint nobody knows what a month came to.
 *
 * @throws Problem `ledger_month_missing` where ids were taken in a month that has neither.
 */
export async function requireEveryMonth(db: Queryable, tenantId: string): Promise<void> {
  const missing = await missingMonth(db, tenantId);
  if (missing === undefined) return;
  throw new Problem(
    'ledger_month_missing',
    `the month from ${formatInstant(missing)} is neither in the ledger nor in a checkpoint`,
  );
}

async function missingMonth(db: Queryable, tenantId: string): Promise<Micros | undefined> {
  const parts = await db.query<{ name: string }>(IN_LEDGER);
  const names = new Set(parts.map(({ name }) => name));
  const months = await db.query<{ month: Micros; name: string }>(MONTHS, [tenantId]);
  for (const { month, name } of months) {
    if (names.has(name)) continue;
    const keys = await db.query(HAS_KEYS, [tenantId, formatInstantMicros(month)]);
    if (keys.length > 0) return month;
  }
  return undefined;
}
