import type { Transaction } from '../database/connections.js';
import { periodKeyArrays, periodKeyText, type PeriodKey } from '../usage/period-values.js';
import type { LanedPeriod } from './owed-hours.js';

/** What the lane of a period was told of the period as a whole. Canonical decimals. */
export interface ToldValue {
  /** Sum of the deltas, without rejected ones. */
  readonly deltas: string;
  readonly rejectedDeltas: string;
  /** The newest total, without rejected ones. */
  readonly total: string;
  /** The newest total, with rejected ones whose value nothing else carries. */
  readonly refusedTotal: string;
  /** Whether the newest total may have arrived or not, and is not sent again. */
  readonly isUncertain: boolean;
  /** What other lanes were told that this one goes on from. */
  readonly elsewhere: string;
}

export const NOTHING_TOLD: ToldValue = {
  deltas: '0',
  rejectedDeltas: '0',
  total: '0',
  refusedTotal: '0',
  isUncertain: false,
  elsewhere: '0',
};

const TOLD = `
  WITH k AS MATERIALIZED (
    SELECT * FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::boolean[], $6::uuid[])
             AS k (customer_no, meter_no, period_start, shadow, lane_id)
  ), told AS (
    SELECT k.customer_no, k.meter_no, k.period_start,
           k.lane_id IS NULL OR k.lane_id = l.lane_id AS own,
           sum(p.value) FILTER (WHERE p.kind = 'delta' AND p.status <> 'rejected'
                                  AND NOT p.replaced) AS deltas,
           sum(p.value) FILTER (WHERE p.kind = 'delta' AND p.status = 'rejected'
                                  AND NOT p.replaced) AS rejected_deltas,
           (array_agg(p.value ORDER BY p.sequence DESC)
             FILTER (WHERE p.kind = 'total' AND p.status <> 'rejected' AND NOT p.replaced))[1]
             AS total,
           (array_agg(p.value ORDER BY p.sequence DESC)
             FILTER (WHERE p.kind = 'total' AND NOT p.replaced))[1] AS refused_total,
           (array_agg(p.status = 'unknown' AND p.next_attempt_at IS NULL ORDER BY p.sequence DESC)
             FILTER (WHERE p.kind = 'total' AND p.status <> 'rejected' AND NOT p.replaced))[1]
             AS uncertain
      FROM k JOIN push p USING (customer_no, meter_no, period_start)
      JOIN push_lane l ON l.tenant_id = p.tenant_id AND l.lane_id = p.lane_id
     WHERE p.tenant_id = $1 AND (p.status <> 'shadow' OR k.shadow) AND p.purpose <> 'repair'
       AND NOT l.superseded
     GROUP BY k.customer_no, k.meter_no, k.period_start, k.lane_id, l.lane_id
  )
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart",
         trim_scale(coalesce(sum(deltas) FILTER (WHERE own), 0))::text AS "deltas",
         trim_scale(coalesce(sum(rejected_deltas) FILTER (WHERE own), 0))::text AS "rejectedDeltas",
         trim_scale(coalesce(sum(total) FILTER (WHERE own), 0))::text AS "total",
         trim_scale(coalesce(sum(refused_total) FILTER (WHERE own), 0))::text AS "refusedTotal",
         trim_scale(coalesce(sum(coalesce(deltas, 0) + coalesce(total, 0))
           FILTER (WHERE NOT own), 0))::text AS "elsewhere",
         coalesce(bool_or(uncertain) FILTER (WHERE own), false) AS "isUncertain"
    FROM told
   GROUP BY customer_no, meter_no, period_start`;

/** @returns By period (`periodKeyText`); absent where nothing was told. */
export async function toldValues(
  tx: Transaction,
  tenantId: string,
  periods: readonly LanedPeriod[],
): Promise<Map<string, ToldValue>> {
  if (periods.length === 0) return new Map();
  const rows = await tx.query<PeriodKey & ToldValue>(TOLD, [
    tenantId,
    ...periodKeyArrays(periods.map((period) => period.facts)),
    periods.map(({ facts }) => facts.mode === 'shadow'),
    periods.map(({ laneId }) => laneId ?? null),
  ]);
  return new Map(rows.map((row) => [periodKeyText(row), row]));
}
