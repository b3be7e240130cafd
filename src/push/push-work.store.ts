import type { Queryable, Transaction } from '../database/connections.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

const NEXT = `
  SELECT w.customer_no AS "customerNo", w.meter_no AS "meterNo", w.period_start AS "periodStart",
         s.stripe_event_name AS "stripeEventName"
    FROM (SELECT customer_no, meter_no, period_start, closed, created_at FROM push_work
           WHERE tenant_id = $1 ORDER BY closed DESC, created_at LIMIT $2
             FOR UPDATE SKIP LOCKED) w
    LEFT JOIN LATERAL (
           SELECT stripe_event_name FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = w.meter_no
            ORDER BY version DESC LIMIT 1) s ON true`;

const CLAIM = `
  WITH claimed AS (
    SELECT w.customer_no, w.meter_no, w.period_start
      FROM push_work w
      JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
             AS k (customer_no, meter_no, period_start)
     USING (customer_no, meter_no, period_start)
     WHERE w.tenant_id = $1
     ORDER BY w.customer_no, w.meter_no, w.period_start
       FOR UPDATE OF w SKIP LOCKED
  )
  DELETE FROM push_work w USING claimed c
   WHERE w.tenant_id = $1 AND w.customer_no = c.customer_no AND w.meter_no = c.meter_no
     AND w.period_start = c.period_start
  RETURNING w.customer_no AS "customerNo", w.meter_no AS "meterNo",
            w.period_start AS "periodStart"`;

/** Periods to be planned, closed ones first, with the event name that each will need. */
export async function nextWork(
  db: Queryable,
  tenantId: string,
  limit: number,
): Promise<(PeriodKey & { stripeEventName: string | null })[]> {
  return db.query(NEXT, [tenantId, limit]);
}

/**
 * Takes periods for this transaction alone; those that another has are left out. The row is locked
 * until the plan is committed, so two plans of one period never overlap.
 */
export async function claimWork(
  tx: Transaction,
  tenantId: string,
  keys: readonly PeriodKey[],
): Promise<PeriodKey[]> {
  return tx.query(CLAIM, [tenantId, ...periodKeyArrays(keys)]);
}
