import type { Queryable } from '../database/connections.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { GONE_BEFORE } from '../ledger/gone-months.js';
import { Problem } from '../problem/problem.js';

/** Months that were never made are missing as well: of those, no id was taken in them. */
const MISSING = `
  SELECT m.month
    FROM tenant t
   CROSS JOIN LATERAL generate_series(
           greatest(date_trunc('month', t.created_at), ${GONE_BEFORE}),
           clock_timestamp(), interval '1 month') AS m (month)
   WHERE t.tenant_id = $1
     AND NOT EXISTS (SELECT FROM pg_inherits i
           WHERE i.inhparent = 'usage_entry'::regclass
             AND i.inhrelid = to_regclass('usage_entry' || to_char(m.month, '_YYYY_MM')))
     AND EXISTS (SELECT FROM usage_event_key k
           WHERE k.tenant_id = $1 AND k.received_at >= m.month
             AND k.received_at < m.month + interval '1 month')
   ORDER BY m.month LIMIT 1`;

/**
 * Without its entries and without a checkpoint nobody knows what a month came to.
 *
 * @throws Problem `ledger_month_missing` where ids were taken in a month that has neither.
 */
export async function requireEveryMonth(db: Queryable, tenantId: string): Promise<void> {
  const [missing] = await db.query<{ month: Micros }>(MISSING, [tenantId]);
  if (missing === undefined) return;
  throw new Problem(
    'ledger_month_missing',
    `the month from ${formatInstant(missing.month)} is neither in the ledger nor in a checkpoint`,
  );
}
