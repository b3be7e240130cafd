import type { Transaction } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import { periodKeyArrays, periodKeyText, type PeriodKey } from '../usage/period-values.js';
import type { PeriodFacts } from './period-facts.js';
import type { OwedHour } from './push-plan.js';

/** A period and the lane that its pushes go to; none where that is not known. */
export interface LanedPeriod {
  readonly facts: PeriodFacts;
  readonly laneId: string | undefined;
}

/**
 * For each hour, its usage less what lanes were given: the active one, and those whose deliveries
 * it goes on from. Folded and unfolded totals and pushes are read in one statement, so in one
 * snapshot. A shadow row stands for a push only in shadow mode.
 */
const OWED = `
  WITH k AS MATERIALIZED (
    SELECT k.*, (SELECT coalesce(max(revision), 0) FROM period_amendment a
                  WHERE a.tenant_id = $1 AND a.customer_no = k.customer_no AND a.meter_no = k.meter_no
                    AND a.period_start = k.period_start AND a.created_at IS NOT NULL) AS amendments,
           date_bin('1 hour', period_start, TIMESTAMPTZ 'epoch') AS first_hour,
           date_bin('1 hour', period_end - interval '1 microsecond', TIMESTAMPTZ 'epoch') AS last_hour
      FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[],
                  $6::timestamptz[], $7::boolean[], $8::boolean[])
             AS k (customer_no, meter_no, period_start, period_end, push_from, counts, shadow)
  ), entry AS (
    SELECT k.*, t.bucket, CASE WHEN counts THEN t.entry_count ELSE t.quantity_sum END AS value
      FROM k JOIN usage_total t USING (customer_no, meter_no, period_start)
     WHERE t.tenant_id = $1 AND t.billable AND t.revision <= k.amendments
    UNION ALL
    SELECT k.*, d.bucket, CASE WHEN counts THEN d.entry_count ELSE d.quantity_sum END AS value
      FROM k JOIN usage_delta d USING (customer_no, meter_no, period_start)
     WHERE d.tenant_id = $1 AND d.billable AND d.revision <= k.amendments
  ), part AS (
    SELECT customer_no, meter_no, period_start, push_from, value, 0 AS rejected,
           least(greatest(date_bin('1 hour', bucket, TIMESTAMPTZ 'epoch'), first_hour), last_hour)
             AS hour
      FROM entry
    UNION ALL
    SELECT k.customer_no, k.meter_no, k.period_start, push_from,
           CASE WHEN p.status = 'rejected' THEN 0 ELSE -p.value END,
           CASE WHEN p.status = 'rejected' AND NOT p.replaced THEN p.value ELSE 0 END,
           p.hour
      FROM k JOIN push p USING (customer_no, meter_no, period_start)
      JOIN push_lane l ON l.tenant_id = p.tenant_id AND l.lane_id = p.lane_id
     WHERE p.tenant_id = $1 AND p.hour IS NOT NULL AND (p.status <> 'shadow' OR k.shadow)
       AND p.purpose <> 'repair' AND NOT l.superseded
  )
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart", hour,
         trim_scale(sum(value))::text AS "value", trim_scale(sum(rejected))::text AS "rejectedValue"
    FROM part
   WHERE push_from IS NULL OR greatest(hour, period_start) >= push_from
   GROUP BY customer_no, meter_no, period_start, hour
  HAVING sum(value) <> 0
   ORDER BY customer_no, meter_no, period_start, hour`;

/** @returns By period (`periodKeyText`), in order of the hours. */
export async function owedHours(
  tx: Transaction,
  tenantId: string,
  periods: readonly LanedPeriod[],
): Promise<Map<string, OwedHour[]>> {
  const byPeriod = new Map<string, OwedHour[]>();
  if (periods.length === 0) return byPeriod;
  const facts = periods.map((period) => period.facts);
  const rows = await tx.query<PeriodKey & OwedHour>(OWED, [
    tenantId,
    ...periodKeyArrays(facts),
    facts.map(({ periodEnd }) => formatInstantMicros(periodEnd)),
    facts.map(({ pushFrom }) => (pushFrom === null ? null : formatInstantMicros(pushFrom))),
    facts.map(({ aggregation }) => aggregation === 'count'),
    facts.map(({ mode }) => mode === 'shadow'),
  ]);
  for (const row of rows) {
    const key = periodKeyText(row);
    byPeriod.set(key, [...(byPeriod.get(key) ?? []), row]);
  }
  return byPeriod;
}
