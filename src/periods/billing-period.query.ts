import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';

export const PERIOD_STATUSES = ['open', 'ended', 'closing', 'closed'] as const;
export type PeriodStatus = (typeof PERIOD_STATUSES)[number];

export interface BillingPeriodRow {
  readonly customerNo: number;
  readonly customerId: string;
  readonly meterNo: number;
  readonly meter: string;
  readonly aggregation: Aggregation;
  readonly periodStart: Micros;
  readonly periodEnd: Micros;
  readonly status: PeriodStatus;
  readonly carriedLast: string | null;
  readonly closedAt: Micros | null;
  /** The close that wrote its statement. */
  readonly closeId: string | null;
  readonly value: string | null;
  readonly carriedIn: string | null;
  readonly eventCount: number | null;
  readonly digest: Buffer | null;
}

export interface BillingPeriodFilter {
  readonly customerNo: number;
  readonly meterNo: number | null;
  readonly start: Micros | null;
  readonly status: PeriodStatus | null;
}

/** What {@link billingPeriods} sorts by: the start, and the meter's number. */
export const BILLING_PERIOD_KEY = ['instant', 'integer'] as const;

/**
 * A customer's stored periods in order of their start. `closing`: closed by a mark, its statement
 * not written yet.
 */
export async function billingPeriods(
  db: Queryable,
  tenantId: string,
  filter: BillingPeriodFilter,
  after: readonly string[] | undefined,
  limit: number,
): Promise<BillingPeriodRow[]> {
  return db.query<BillingPeriodRow>(
    `SELECT * FROM (
       SELECT p.customer_no AS "customerNo", c.customer_id AS "customerId",
              p.meter_no AS "meterNo", m.key AS meter, s.aggregation,
              p.period_start AS "periodStart", p.period_end AS "periodEnd",
              CASE WHEN p.closed_at IS NOT NULL THEN 'closed'
                   WHEN p.period_end <= greatest(t.closed_through, k.closed_through)
                     OR (NOT p.backfilled AND NOT p.of_item
                         AND p.period_end <= t.clock_closed_through) THEN 'closing'
                   WHEN p.period_end <= clock_timestamp()
                        + t.clock_offset_micros * interval '1 microsecond' THEN 'ended'
                   ELSE 'open' END AS status,
              trim_scale(p.carried_last)::text AS "carriedLast", p.closed_at AS "closedAt", p.period_close_id AS "closeId",
              trim_scale(p.value)::text AS value, trim_scale(p.carried_in)::text AS "carriedIn",
              p.event_count AS "eventCount", p.digest
         FROM billing_period p
         JOIN tenant t ON t.tenant_id = $1
         JOIN customer c ON c.tenant_id = $1 AND c.customer_no = p.customer_no
         JOIN meter m ON m.tenant_id = $1 AND m.meter_no = p.meter_no
        CROSS JOIN LATERAL (SELECT aggregation FROM meter_settings s
               WHERE s.tenant_id = $1 AND s.meter_no = p.meter_no
               ORDER BY version DESC LIMIT 1) s
        CROSS JOIN LATERAL (SELECT max(closed_through) AS closed_through FROM close_mark k
               WHERE k.tenant_id = $1 AND k.customer_no IN (0, p.customer_no)
                 AND k.meter_no IN (0, p.meter_no)) k
        WHERE p.tenant_id = $1 AND p.customer_no = $2
          AND ($3::integer IS NULL OR p.meter_no = $3)
          AND ($4::timestamptz IS NULL OR p.period_start = $4)
          AND ($6::timestamptz IS NULL OR (p.period_start, p.meter_no) > ($6, $7::integer))) p
      WHERE $5::text IS NULL OR status = $5
      ORDER BY "periodStart", "meterNo"
      LIMIT $8`,
    [
      tenantId,
      filter.customerNo,
      filter.meterNo,
      filter.start === null ? null : formatInstantMicros(filter.start),
      filter.status,
      after?.[0] ?? null,
      after?.[1] ?? null,
      limit,
    ],
  );
}

/** What usage of each period was billed in a later one, by the meter's own aggregation. */
export async function carriedOut(
  db: Queryable,
  tenantId: string,
  periods: readonly BillingPeriodRow[],
): Promise<string[]> {
  if (periods.length === 0) return [];
  const rows = await db.query<{ value: string }>(
    `WITH p AS (
       SELECT * FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::text[])
         WITH ORDINALITY AS p (customer_no, meter_no, period_start, aggregation)),
     part AS (
       SELECT p.ordinality, u.quantity_sum, u.entry_count FROM p JOIN usage_total u
           ON u.tenant_id = $1 AND u.customer_no = p.customer_no AND u.meter_no = p.meter_no
          AND u.origin_start = p.period_start AND u.period_start <> p.period_start AND u.billable
        UNION ALL
       SELECT p.ordinality, u.quantity_sum, u.entry_count FROM p JOIN usage_delta u
           ON u.tenant_id = $1 AND u.customer_no = p.customer_no AND u.meter_no = p.meter_no
          AND u.origin_start = p.period_start AND u.period_start <> p.period_start AND u.billable)
     SELECT trim_scale(coalesce(sum(CASE p.aggregation WHEN 'count' THEN part.entry_count::numeric
                                    ELSE part.quantity_sum END), 0))::text AS value
       FROM p LEFT JOIN part USING (ordinality)
      GROUP BY p.ordinality ORDER BY p.ordinality`,
    [
      tenantId,
      periods.map((p) => p.customerNo),
      periods.map((p) => p.meterNo),
      periods.map((p) => formatInstantMicros(p.periodStart)),
      periods.map((p) => p.aggregation),
    ],
  );
  return rows.map((row) => row.value);
}
