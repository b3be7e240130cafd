import type { Queryable } from '../database/connections.js';
import type { Aggregation } from '../domain/meter.js';
import { isLater } from '../ledger/event-rows.js';
import { periodKeyArrays, type PeriodKey } from './period-values.js';
import type { StatementKey } from './statement-values.js';

/** What the entries of one revision after the statement's own come to. */
export interface RevisionTotal extends PeriodKey {
  readonly revision: number;
  /** Without the voided: what was voided in it counts below zero. */
  readonly eventCount: number;
  readonly quantitySum: string;
  /** Sum of the entries' digests. */
  readonly digestSum: string;
}

const REVISIONS = `
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart", revision,
         sum(entry_count)::bigint AS "eventCount",
         trim_scale(sum(quantity_sum))::text AS "quantitySum", sum(digest)::text AS "digestSum"
    FROM (SELECT u.* FROM usage_total u
            JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
                   AS k (customer_no, meter_no, period_start)
           USING (customer_no, meter_no, period_start)
           WHERE u.tenant_id = $1 AND u.revision > 0 AND u.billable
           UNION ALL
          SELECT u.* FROM usage_delta u
            JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
                   AS k (customer_no, meter_no, period_start)
           USING (customer_no, meter_no, period_start)
           WHERE u.tenant_id = $1 AND u.revision > 0 AND u.billable) u
   GROUP BY customer_no, meter_no, period_start, revision
   ORDER BY customer_no, meter_no, period_start, revision`;

/** The revisions after their statements' own that hold anything, in order. */
export async function revisionTotals(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<RevisionTotal[]> {
  if (periods.length === 0) return [];
  return db.query<RevisionTotal>(REVISIONS, [tenantId, ...periodKeyArrays(periods)]);
}

/**
 * What a closed period comes to with its revisions up to one of them.
 *
 * @param revision 0: as its statement says.
 */
export async function valueThrough(
  db: Queryable,
  tenantId: string,
  period: StatementKey,
  revision: number,
): Promise<string> {
  return (await ownThrough(db, tenantId, period, revision)) ?? period.carriedLast ?? '0';
}

/** As {@link valueThrough}, of its own usage alone; null where none stands. */
async function ownThrough(
  db: Queryable,
  tenantId: string,
  period: PeriodKey & { readonly aggregation: Aggregation },
  revision: number,
): Promise<string | null> {
  return (await ownThroughs(db, tenantId, [{ ...period, revision }]))[0]!;
}

/**
 * What closed periods come to with their revisions up to one of them, of their own usage alone.
 *
 * @returns One for each, in their order; null where none stands.
 */
export async function ownThroughs(
  db: Queryable,
  tenantId: string,
  periods: readonly (PeriodKey & {
    readonly aggregation: Aggregation;
    readonly revision: number;
  })[],
): Promise<(string | null)[]> {
  if (periods.length === 0) return [];
  const rows = await db.query<{ value: string | null }>(THROUGH, [
    tenantId,
    ...periodKeyArrays(periods),
    periods.map(({ revision }) => revision),
    periods.map(({ aggregation }) => aggregation),
  ]);
  return rows.map(({ value }) => value);
}

const PERIOD = `
  u.tenant_id = $1 AND u.meter_no = k.meter_no AND u.customer_no = k.customer_no
  AND u.period_start = k.period_start AND u.billable AND u.revision <= k.revision`;

const SUM_THROUGH = `
  SELECT trim_scale(sum(CASE k.aggregation WHEN 'count' THEN u.entry_count::numeric
                                      ELSE u.quantity_sum END))::text AS value
    FROM (SELECT * FROM usage_total u WHERE ${PERIOD}
           UNION ALL
          SELECT * FROM usage_delta u WHERE ${PERIOD}) u`;

/**
 * A revision never changes what the one before it says: a total holds what was voided in a later
 * one. Quarter hours with such a void are read from the ledger, as it stands with this revision.
 */
const EXTREME_THROUGH = `
  WITH late_void AS MATERIALIZED (
    SELECT DISTINCT u.dimensions,
           date_bin('15 minutes', u.occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket
      FROM usage_entry u WHERE ${PERIOD} AND u.is_void AND u.revision > 0),
  standing AS (
    SELECT u.event_key, u.quantity, u.occurred_at, u.unique_key
      FROM late_void v
      JOIN usage_entry u ON ${PERIOD} AND NOT u.is_void AND u.dimensions = v.dimensions
       AND u.occurred_at >= v.bucket AND u.occurred_at < v.bucket + interval '15 minutes'
     WHERE NOT EXISTS (SELECT FROM usage_entry o
                        WHERE o.tenant_id = $1 AND o.event_key = u.event_key AND o.meter_no = k.meter_no
                          AND ${isLater('o')} AND CASE WHEN o.is_void THEN o.revision <= k.revision
                                   ELSE o.entry_no > u.entry_no END)),
  part AS (
    SELECT quantity_max, last_quantity, last_at, last_key
      FROM (SELECT * FROM usage_total u WHERE ${PERIOD}
             UNION ALL
            SELECT * FROM usage_delta u WHERE ${PERIOD}) u
     WHERE NOT EXISTS (SELECT FROM late_void v
                        WHERE v.dimensions = u.dimensions AND v.bucket = u.bucket)
     UNION ALL
    SELECT quantity, quantity, occurred_at, event_key FROM standing),
  uniques AS (
    SELECT u.unique_key FROM usage_unique u
     WHERE ${PERIOD} AND NOT EXISTS (SELECT FROM late_void v
                        WHERE v.dimensions = u.dimensions AND v.bucket = u.bucket)
     UNION
    SELECT unique_key FROM standing)
  SELECT trim_scale(CASE k.aggregation
           WHEN 'max' THEN (SELECT max(quantity_max) FROM part)
           WHEN 'last' THEN (SELECT last_quantity FROM part WHERE last_at IS NOT NULL
                              ORDER BY last_at DESC, last_key DESC LIMIT 1)
           ELSE (SELECT count(unique_key) FROM uniques)::numeric END)::text AS value`;

const THROUGH = `
  SELECT CASE WHEN k.aggregation IN ('sum', 'count') THEN (${SUM_THROUGH})
              ELSE (${EXTREME_THROUGH}) END AS value
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::integer[], $6::text[])
           WITH ORDINALITY AS k (customer_no, meter_no, period_start, revision, aggregation, n)
   ORDER BY k.n`;
