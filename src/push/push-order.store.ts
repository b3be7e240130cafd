import type { Transaction } from '../database/connections.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

const PUT_FIRST = `
  WITH behind AS (
    SELECT p.identifier
      FROM push p
      JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
             AS k (customer_no, meter_no, period_start)
     USING (customer_no, meter_no, period_start)
     WHERE p.tenant_id = $1 AND p.status IN ('pending', 'sending', 'unknown') AND NOT p.of_closed
     ORDER BY p.identifier FOR UPDATE OF p
  )
  UPDATE push p SET of_closed = true
    FROM behind b
   WHERE p.tenant_id = $1 AND p.identifier = b.identifier`;

/**
 * Has what waits of closed periods go before what is pushed between times: an invoice that is about
 * to be final needs what was planned before the close as much as what was planned by it.
 */
export async function putFirst(
  tx: Transaction,
  tenantId: string,
  closed: readonly PeriodKey[],
): Promise<void> {
  if (closed.length > 0) await tx.query(PUT_FIRST, [tenantId, ...periodKeyArrays(closed)]);
}
