import type { Transaction } from '../database/connections.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

const ADD = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT DISTINCT $1::uuid, k.customer_no, k.meter_no, k.period_start, false
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   ORDER BY k.customer_no, k.meter_no, k.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
     SET closed = push_work.closed OR excluded.closed`;

/**
 * Has periods planned anew. A row that is there already is locked until this transaction ends, so
 * that no planner takes it who does not see yet what this transaction changes.
 */
export async function addWork(
  tx: Transaction,
  tenantId: string,
  keys: readonly PeriodKey[],
): Promise<void> {
  if (keys.length > 0) await tx.query(ADD, [tenantId, ...periodKeyArrays(keys)]);
}
