import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PeriodKey } from '../usage/period-values.js';

/** What a reconciliation found of a lane of a period. */
export interface LaneVerdict {
  readonly reconciliationId: string;
  readonly cause: string;
  readonly laneId: string;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  readonly verdict: string;
  readonly why: string | null;
  readonly ours: string | null;
  readonly unsettled: string | null;
  readonly stripe: string | null;
  readonly drift: string | null;
  readonly differences: unknown;
  readonly invoice: unknown;
  readonly readAt: Micros;
}

const VERDICTS = `
  SELECT v.reconciliation_id AS "reconciliationId", r.cause, v.lane_id AS "laneId",
         l.stripe_meter_id AS "stripeMeterId", l.stripe_customer_id AS "stripeCustomerId",
         v.verdict, v.why, trim_scale(v.ours)::text AS ours,
         trim_scale(v.unsettled)::text AS unsettled, trim_scale(v.stripe)::text AS stripe,
         trim_scale(v.drift)::text AS drift, v.differences, v.invoice, v.read_at AS "readAt"
    FROM push_lane l
    JOIN reconciliation_lane v ON v.tenant_id = l.tenant_id AND v.lane_id = l.lane_id
    JOIN reconciliation r ON r.tenant_id = v.tenant_id
     AND r.reconciliation_id = v.reconciliation_id
   WHERE l.tenant_id = $1 AND l.customer_no = $2 AND l.meter_no = $3 AND l.period_start = $4
     AND v.read_at IS NOT NULL
   ORDER BY v.read_at, v.reconciliation_id, v.lane_no`;

/** What Stripe was found to have counted of a period and billed for it, each time it was read. */
export async function laneVerdicts(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo, periodStart }: PeriodKey,
): Promise<LaneVerdict[]> {
  const parameters = [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)];
  return db.query<LaneVerdict>(VERDICTS, parameters);
}
