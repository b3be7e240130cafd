import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/** Names one billing period of a tenant. */
export interface PeriodKey {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
}

export interface PeriodValue extends PeriodKey {
  /** What is billed of the usage from the given hour on; 0 without any. Canonical decimal. */
  readonly value: string;
  /** The latest UTC hour with usage, as far as the period has it; none without usage. */
  readonly latestHour: Micros | null;
}

/**
 * Folded and unfolded totals are read in one statement, so in one snapshot: each unit shows once.
 * Usage that was carried in occurred before the period, and belongs to its first hour.
 */
const VALUES = `
  WITH k AS MATERIALIZED (
    SELECT k.*, p.period_end, p.value + a.value AS amended_value, a.amendments, p.carried_last,
           p.closed_at IS NOT NULL AS closed, k.from_at > k.period_start AS cut,
           date_bin('1 hour', k.period_start, TIMESTAMPTZ 'epoch') AS first_hour,
           date_bin('1 hour', p.period_end - interval '1 microsecond', TIMESTAMPTZ 'epoch') AS last_hour,
           s.aggregation
      FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[])
             AS k (customer_no, meter_no, period_start, from_at)
      JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = k.customer_no
       AND p.meter_no = k.meter_no AND p.period_start = k.period_start
      JOIN LATERAL (
             SELECT aggregation FROM meter_settings s
              WHERE s.tenant_id = $1 AND s.meter_no = k.meter_no
              ORDER BY version DESC LIMIT 1) s ON true
      JOIN LATERAL (
             SELECT coalesce(max(revision), 0) AS amendments, coalesce(sum(value), 0) AS value
               FROM period_amendment a
              WHERE a.tenant_id = $1 AND a.customer_no = k.customer_no AND a.meter_no = k.meter_no
                AND a.period_start = k.period_start AND a.created_at IS NOT NULL) a ON true
  ), part AS (
    SELECT customer_no, meter_no, period_start, revision, bucket, quantity_sum, quantity_max,
           entry_count, last_quantity, last_at, last_key
      FROM usage_total t JOIN k USING (customer_no, meter_no, period_start)
     WHERE t.tenant_id = $1 AND t.billable
    UNION ALL
    SELECT customer_no, meter_no, period_start, revision, bucket, quantity_sum, quantity_max,
           entry_count, last_quantity, last_at, last_key
      FROM usage_delta d JOIN k USING (customer_no, meter_no, period_start)
     WHERE d.tenant_id = $1 AND d.billable
  ), own AS (
    SELECT customer_no, meter_no, period_start, sum(quantity_sum) AS sum, max(quantity_max) AS max,
           sum(entry_count) AS count, max(hour) AS latest_hour,
           (array_agg(last_quantity ORDER BY last_at DESC NULLS LAST, last_key DESC))[1] AS last
      FROM (SELECT part.*, k.closed, k.from_at, k.amendments,
                   least(greatest(date_bin('1 hour', bucket, TIMESTAMPTZ 'epoch'), k.first_hour),
                         k.last_hour) AS hour
              FROM part JOIN k USING (customer_no, meter_no, period_start)) placed
     WHERE revision <= amendments AND (from_at IS NULL OR greatest(hour, period_start) >= from_at)
     GROUP BY customer_no, meter_no, period_start
  )
  SELECT k.customer_no AS "customerNo", k.meter_no AS "meterNo", k.period_start AS "periodStart",
         own.latest_hour AS "latestHour", trim_scale(coalesce(
           CASE WHEN k.closed AND k.cut IS NOT TRUE THEN k.amended_value
                ELSE CASE k.aggregation
                       WHEN 'sum' THEN own.sum
                       WHEN 'count' THEN own.count
                       WHEN 'max' THEN own.max
                       WHEN 'last' THEN coalesce(own.last,
                                                 CASE WHEN k.cut IS NOT TRUE THEN k.carried_last END)
                       WHEN 'unique_count' THEN (
                         SELECT count(DISTINCT u.unique_key) FROM usage_unique u
                          WHERE u.tenant_id = $1 AND u.customer_no = k.customer_no
                            AND u.meter_no = k.meter_no AND u.period_start = k.period_start
                            AND u.billable AND u.revision <= k.amendments
                            AND (k.from_at IS NULL OR k.from_at <= greatest(k.period_start,
                                   least(date_bin('1 hour', u.bucket, TIMESTAMPTZ 'epoch'),
                                         k.last_hour))))
                     END
           END, 0))::text AS "value"
    FROM k LEFT JOIN own USING (customer_no, meter_no, period_start)`;

/**
 * The billed value of each period: as its statement and its amendments say once it is closed, as the
 * totals say until then. Periods without a row are left out.
 *
 * @param keys `from` leaves out the hours that begin before it, also from a closed period.
 */
export async function periodValues(
  db: Queryable,
  tenantId: string,
  keys: readonly (PeriodKey & { readonly from: Micros | null })[],
): Promise<PeriodValue[]> {
  if (keys.length === 0) return [];
  return db.query<PeriodValue>(VALUES, [
    tenantId,
    ...periodKeyArrays(keys),
    keys.map((key) => (key.from === null ? null : formatInstantMicros(key.from))),
  ]);
}

/** Three arrays for `unnest`: customer numbers, meter numbers, starts. */
export function periodKeyArrays(keys: readonly PeriodKey[]): unknown[] {
  return [
    keys.map((key) => key.customerNo),
    keys.map((key) => key.meterNo),
    keys.map((key) => formatInstantMicros(key.periodStart)),
  ];
}

/** One text for one period of a tenant. */
export function periodKeyText({ customerNo, meterNo, periodStart }: PeriodKey): string {
  return `${customerNo} ${meterNo} ${periodStart}`;
}
