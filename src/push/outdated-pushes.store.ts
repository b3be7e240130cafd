import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_HOUR, type Micros } from '../domain/instant.js';
import { earliest } from './push-window.js';

/** Half of the day that plans keep for the way: what was planned just in time is still sent. */
const SPARE_TIME = 12 * MICROS_PER_HOUR;

/**
 * Surely not executed, and Stripe would refuse their timestamps by now: withdrawn, and planned again,
 * which finds a later minute or holds their value as too old.
 */
const WITHDRAW = `
  WITH withdrawn AS (
    UPDATE push
       SET status = 'rejected', reason = 'too_old', settled_by = 'withdrawal', replaced = true,
           next_attempt_at = NULL, transition_no = transition_no + 1
     WHERE tenant_id = $1 AND status = 'pending' AND "timestamp" < $2
    RETURNING identifier, transition_no, customer_no, meter_no, period_start
  ), work AS (
    INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
    SELECT DISTINCT $1::uuid, customer_no, meter_no, period_start, true FROM withdrawn
    ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
       SET closed = push_work.closed OR excluded.closed
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, identifier, transition_no, 'pending', 'rejected', 'too_old', $3 FROM withdrawn`;

/** Takes back what waited until Stripe does not take it any more. */
export async function withdrawOutdated(
  tx: Transaction,
  tenantId: string,
  { time, ofTenant }: { readonly time: Micros; readonly ofTenant: Micros },
): Promise<void> {
  const before = earliest(ofTenant) - SPARE_TIME;
  await tx.query(WITHDRAW, [tenantId, formatInstantMicros(before), formatInstantMicros(time)]);
}
