import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';

export interface StatementKey {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly aggregation: Aggregation;
  /** What a `last` meter with carry_last held before; counts where the period has nothing of its own. */
  readonly carriedLast: string | null;
}

/** What a period's statement says, or would say now. Decimals are canonical. */
export interface StatementValue {
  readonly value: string;
  /** The part of the value that was carried in from closed periods. */
  readonly carriedIn: string;
  readonly eventCount: number;
  /** Sum of the entries' digests. */
  readonly digestSum: bigint;
}

/**
 * What the statements of periods say: revision 0, from totals and deltas in one snapshot.
 *
 * @returns One per key, in the order given.
 */
export async function statementValues(
  db: Queryable,
  tenantId: string,
  keys: readonly StatementKey[],
): Promise<StatementValue[]> {
  if (keys.length === 0) return [];
  const rows = await db.query<{
    value: string | null;
    carriedIn: string | null;
    eventCount: number;
    digestSum: string;
  }>(STATEMENT_VALUES, [
    tenantId,
    keys.map((key) => key.customerNo),
    keys.map((key) => key.meterNo),
    keys.map((key) => formatInstantMicros(key.periodStart)),
    keys.map((key) => key.aggregation),
  ]);
  return rows.map((row, i) => {
    const carriedLast = keys[i]!.carriedLast;
    const own = row.value;
    return {
      value: own ?? carriedLast ?? '0',
      carriedIn: own === null && carriedLast !== null ? carriedLast : (row.carriedIn ?? '0'),
      eventCount: row.eventCount,
      digestSum: BigInt(row.digestSum),
    };
  });
}

const PART = `
  p.ordinality, p.aggregation, u.origin_start <> u.period_start AS carried, u.quantity_sum,
  u.quantity_max, u.entry_count, u.last_quantity, u.last_at, u.last_key, u.digest`;

const SAME_PERIOD = `
  u.tenant_id = $1 AND u.customer_no = p.customer_no AND u.meter_no = p.meter_no
  AND u.period_start = p.period_start AND u.revision = 0 AND u.billable`;

const STATEMENT_VALUES = `
  WITH p AS (
    SELECT * FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::text[])
      WITH ORDINALITY AS p (customer_no, meter_no, period_start, aggregation)),
  part AS (
    SELECT ${PART} FROM p JOIN usage_total u ON ${SAME_PERIOD}
    UNION ALL
    SELECT ${PART} FROM p JOIN usage_delta u ON ${SAME_PERIOD}),
  uniques AS (
    SELECT p.ordinality, count(DISTINCT u.unique_key)::numeric AS value
      FROM p JOIN usage_unique u ON ${SAME_PERIOD}
     WHERE p.aggregation = 'unique_count' GROUP BY p.ordinality),
  summed AS (
    SELECT ordinality, sum(quantity_sum) AS quantity_sum, max(quantity_max) AS quantity_max,
           sum(entry_count) AS entry_count,
           (array_agg(last_quantity ORDER BY last_at DESC NULLS LAST, last_key DESC))[1]
             AS last_quantity,
           sum(quantity_sum) FILTER (WHERE carried) AS carried_sum,
           sum(entry_count) FILTER (WHERE carried) AS carried_count, sum(digest) AS digest
      FROM part GROUP BY ordinality)
  SELECT trim_scale(CASE p.aggregation
           WHEN 'sum' THEN s.quantity_sum
           WHEN 'count' THEN s.entry_count
           WHEN 'max' THEN s.quantity_max
           WHEN 'last' THEN s.last_quantity
           ELSE n.value END)::text AS value,
         trim_scale(CASE p.aggregation
           WHEN 'sum' THEN s.carried_sum
           WHEN 'count' THEN s.carried_count END)::text AS "carriedIn",
         coalesce(s.entry_count, 0)::bigint AS "eventCount",
         coalesce(s.digest, 0)::text AS "digestSum"
    FROM p LEFT JOIN summed s USING (ordinality) LEFT JOIN uniques n USING (ordinality)
   ORDER BY p.ordinality`;
