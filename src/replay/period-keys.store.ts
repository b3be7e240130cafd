import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PeriodKey } from '../usage/period-values.js';

/** What a replay is about; null stands for all. */
export interface ReplayScope {
  readonly customerNo: number | null;
  /** Periods that overlap [from, to). */
  readonly from: Micros | null;
  readonly to: Micros | null;
}

export interface FoundPeriod extends PeriodKey {
  /** As many entries as its totals count. */
  readonly entries: number;
  /** Whether it overlaps the time asked for. */
  readonly asked: boolean;
}

/** $1 tenant, $2 customer, $3 from, $4 to. */
export function scopeParameters(
  tenantId: string,
  { customerNo, from, to }: ReplayScope,
): unknown[] {
  return [tenantId, customerNo, textOf(from), textOf(to)];
}

function textOf(instant: Micros | null): string | null {
  return instant === null ? null : formatInstantMicros(instant);
}

/**
 * Whatever has a period's key: a total that no entry is behind is as wrong as an entry without one.
 * Each step looks for the next key in each table, by their indexes.
 */
const NEXT_KEY = [
  'billing_period',
  'usage_entry',
  'usage_checkpoint',
  'usage_total',
  'usage_delta',
  'usage_unique',
]
  .map(
    (table) => `
      (SELECT customer_no, meter_no, period_start FROM ${table} u
        WHERE u.tenant_id = $1 AND ($2::bigint IS NULL OR u.customer_no = $2)
          AND (u.customer_no, u.meter_no, u.period_start) > (k.customer_no, k.meter_no, k.period_start)
        ORDER BY customer_no, meter_no, period_start LIMIT 1)`,
  )
  .join(' UNION ALL ');

/** A period that has no row counts by its start. */
const KEYS = `
  WITH RECURSIVE k AS (
    SELECT $5::bigint AS customer_no, $6::integer AS meter_no, $7::timestamptz AS period_start, 0 AS step
    UNION ALL
    SELECT n.customer_no, n.meter_no, n.period_start, k.step + 1
      FROM k CROSS JOIN LATERAL (
           SELECT * FROM (${NEXT_KEY}) u
            ORDER BY customer_no, meter_no, period_start LIMIT 1) n
     WHERE k.step < $8)
  SELECT k.customer_no AS "customerNo", k.meter_no AS "meterNo", k.period_start AS "periodStart",
         ($4::timestamptz IS NULL OR k.period_start < $4)
           AND ($3::timestamptz IS NULL OR coalesce(p.period_end > $3, k.period_start >= $3)) AS "asked",
         coalesce((SELECT sum(t.entry_count) FROM usage_total t
                    WHERE t.tenant_id = $1 AND t.customer_no = k.customer_no
                      AND t.meter_no = k.meter_no AND t.period_start = k.period_start), 0)::bigint
           AS "entries"
    FROM k
    LEFT JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = k.customer_no
          AND p.meter_no = k.meter_no AND p.period_start = k.period_start
   WHERE k.step > 0
   ORDER BY k.step`;

/** Before every key there can be. */
const FIRST: PeriodKey = { customerNo: -1, meterNo: 0, periodStart: 0 };

/** The next periods after one, in order, those that are not asked for among them. */
export async function nextPeriods(
  db: Queryable,
  tenantId: string,
  scope: ReplayScope,
  after: PeriodKey | undefined,
  limit: number,
): Promise<FoundPeriod[]> {
  const { customerNo, meterNo, periodStart } = after ?? FIRST;
  return db.query<FoundPeriod>(KEYS, [
    ...scopeParameters(tenantId, scope),
    customerNo,
    meterNo,
    formatInstantMicros(periodStart),
    limit,
  ]);
}

/** How many periods have a row: what progress is measured by. */
export async function countPeriods(
  db: Queryable,
  tenantId: string,
  scope: ReplayScope,
): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*) AS count FROM billing_period
      WHERE tenant_id = $1 AND ($2::bigint IS NULL OR customer_no = $2)
        AND ($3::timestamptz IS NULL OR period_end > $3)
        AND ($4::timestamptz IS NULL OR period_start < $4)`,
    scopeParameters(tenantId, scope),
  );
  return row!.count;
}
