import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import type { InvoiceCheck } from './invoice-check.js';
import type { Difference, HourPair, ReadVerdict } from './lane-reading.js';

/** A lane of a reconciliation with its names. */
export interface LaneRow {
  readonly laneNo: number;
  readonly laneId: string;
  readonly customerId: string;
  readonly meter: string;
  readonly periodStart: Micros;
  readonly periodEnd: Micros;
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  /** Whether pushes of its period go there now. */
  readonly isPushedTo: boolean;
  readonly verdict: ReadVerdict | null;
  readonly why: string | null;
  readonly ours: string | null;
  readonly unsettled: string | null;
  readonly stripe: string | null;
  readonly drift: string | null;
  readonly hours: readonly HourPair[] | null;
  readonly differences: readonly Difference[] | null;
  readonly invoice: InvoiceCheck | null;
  readonly state: string | null;
  readonly readAt: Micros | null;
}

const ROWS = `
  SELECT r.lane_no AS "laneNo", r.lane_id AS "laneId", c.customer_id AS "customerId",
         m.key AS "meter", l.period_start AS "periodStart", r.period_end AS "periodEnd",
         l.account_id AS "accountId", l.livemode, l.stripe_meter_id AS "stripeMeterId",
         l.stripe_customer_id AS "stripeCustomerId", r.verdict, r.why,
         l.active AND NOT l.superseded AND c.stripe_customer_id IS NOT NULL
           AND s.stripe_event_name IS NOT NULL AND coalesce(c.push, s.push) <> 'off'
           AS "isPushedTo",
         trim_scale(r.ours)::text AS "ours", trim_scale(r.unsettled)::text AS "unsettled",
         trim_scale(r.stripe)::text AS "stripe", trim_scale(r.drift)::text AS "drift", r.hours,
         r.differences, r.invoice, r.state, r.read_at AS "readAt"
    FROM reconciliation_lane r
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = r.lane_id
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = l.customer_no
    JOIN meter m ON m.tenant_id = $1 AND m.meter_no = l.meter_no
    JOIN LATERAL (
           SELECT * FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = l.meter_no
            ORDER BY version DESC LIMIT 1) s ON true
   WHERE r.tenant_id = $1 AND r.reconciliation_id = $2`;

/** In the order in which they are read. */
export async function laneRows(
  db: Queryable,
  tenantId: string,
  reconciliationId: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<LaneRow[]> {
  return db.query<LaneRow>(`${ROWS} AND r.lane_no > $3 ORDER BY r.lane_no LIMIT $4`, [
    tenantId,
    reconciliationId,
    after,
    limit,
  ]);
}

/** Those whose reading found a drift. */
export async function driftRows(
  db: Queryable,
  tenantId: string,
  reconciliationId: string,
): Promise<LaneRow[]> {
  return db.query<LaneRow>(`${ROWS} AND r.verdict = 'drift' ORDER BY r.lane_no`, [
    tenantId,
    reconciliationId,
  ]);
}
