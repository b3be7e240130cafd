import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/**
 * Surely not executed, and planned for a target that takes any decimal: withdrawn, and planned again,
 * which holds their value as not accepted.
 */
const WITHDRAW = `
  WITH withdrawn AS (
    UPDATE push
       SET status = 'rejected', reason = 'value_not_accepted', settled_by = 'withdrawal',
           replaced = true, next_attempt_at = NULL, transition_no = transition_no + 1
     WHERE tenant_id = $1 AND status = 'pending' AND (value <= 0 OR value <> trunc(value))
    RETURNING identifier, transition_no, customer_no, meter_no, period_start
  ), work AS (
    INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
    SELECT DISTINCT $1::uuid, customer_no, meter_no, period_start, true FROM withdrawn
    ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
       SET closed = push_work.closed OR excluded.closed
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, identifier, transition_no, 'pending', 'rejected', 'value_not_accepted', $2
    FROM withdrawn`;

/** Takes back what waits with a value that a target of whole numbers above zero does not take. */
export async function withdrawUnaccepted(
  tx: Transaction,
  tenantId: string,
  at: Micros,
): Promise<void> {
  await tx.query(WITHDRAW, [tenantId, formatInstantMicros(at)]);
}
