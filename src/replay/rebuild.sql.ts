import { isLater } from '../ledger/event-rows.js';
import { isInLedger } from '../ledger/gone-months.js';
import { MARKED, totalRowsOf } from '../usage/rebuilt-totals.js';

/** What tells one total from another within a tenant. */
export const TOTAL_KEY = `customer_no, meter_no, period_start, origin_start, revision, billable,
         bucket, dimensions`;

const TOTAL_VALUES = `quantity_sum, quantity_max, entry_count, last_quantity, last_at, last_key, digest`;

/** Its values as texts, so that JSON keeps every digit. */
function valuesAsJson(row: string): string {
  return `jsonb_build_object('quantity_sum', trim_scale(${row}.quantity_sum)::text,
           'quantity_max', trim_scale(${row}.quantity_max)::text,
           'entry_count', ${row}.entry_count::text,
           'last_quantity', trim_scale(${row}.last_quantity)::text,
           'last_at', to_char(${row}.last_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'last_key', ${row}.last_key::text, 'digest', ${row}.digest::text)`;
}

/** The periods asked for. $1 tenant, $2 customers, $3 meters, $4 starts. */
const KEY = `
  k AS MATERIALIZED (
    SELECT * FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
             AS k (customer_no, meter_no, period_start))`;

/**
 * The ledger: of each event and meter the newest entry, which stands in place of those before it, and
 * the newest void.
 */
const ENTRY = `
  entry AS MATERIALIZED (
    SELECT e.*, date_bin('15 minutes', e.occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket
      FROM k JOIN usage_entry e ON e.tenant_id = $1 AND e.customer_no = k.customer_no
       AND e.meter_no = k.meter_no AND e.period_start = k.period_start
     WHERE ${isInLedger('e.received_at')} AND NOT EXISTS (SELECT FROM usage_entry newer
             WHERE newer.tenant_id = $1 AND newer.event_key = e.event_key
               AND newer.meter_no = e.meter_no AND newer.is_void = e.is_void
               AND ${isLater('newer')} AND newer.entry_no > e.entry_no))`;

/** What months that left the ledger came to: one row for each of them and total. */
const GONE = `
  gone AS MATERIALIZED (
    SELECT c.* FROM k JOIN usage_checkpoint c ON c.tenant_id = $1 AND c.customer_no = k.customer_no
       AND c.meter_no = k.meter_no AND c.period_start = k.period_start)`;

const GONE_MEMBERS = `
  gone_member AS MATERIALIZED (
    SELECT c.* FROM k JOIN usage_checkpoint_member c ON c.tenant_id = $1
       AND c.customer_no = k.customer_no AND c.meter_no = k.meter_no
       AND c.period_start = k.period_start)`;

/** Several rows of the same total, added up. */
const summed = (rows: string): string => `
    SELECT ${TOTAL_KEY}, sum(quantity_sum) AS quantity_sum, max(quantity_max) AS quantity_max,
           sum(entry_count)::bigint AS entry_count,
           (array_agg(last_quantity ORDER BY last_at DESC NULLS LAST, last_key DESC))[1]
             AS last_quantity,
           max(last_at) AS last_at,
           (array_agg(last_key ORDER BY last_at DESC NULLS LAST, last_key DESC))[1] AS last_key,
           sum(digest) AS digest
      FROM (${rows}) u
     GROUP BY ${TOTAL_KEY}`;

/** Totals and deltas together, as every reader takes them. */
const STORED = `
  stored AS MATERIALIZED (${summed(`
      SELECT t.* FROM usage_total t JOIN k USING (customer_no, meter_no, period_start)
       WHERE t.tenant_id = $1
       UNION ALL
      SELECT d.* FROM usage_delta d JOIN k USING (customer_no, meter_no, period_start)
       WHERE d.tenant_id = $1`)})`;

/**
 * The totals of some periods as the ledger and what left it have them (`rebuilt`), as they stand (`stored`), and where
 * the two differ, with both values (`ledger_value`, `stored_value`; NULL where there is no row). The
 * largest and the last value count where the meter reads them.
 *
 * One statement, so one snapshot: a recording that commits meanwhile is in both or in neither.
 */
export const REBUILD = `
  WITH ${KEY}, ${ENTRY}, ${GONE},
  standing (tenant_id, ${TOTAL_KEY}, ${TOTAL_VALUES}) AS (
    ${totalRowsOf('SELECT * FROM entry')}),
  rebuilt AS MATERIALIZED (${summed(`
      SELECT ${TOTAL_KEY}, ${TOTAL_VALUES} FROM standing
       UNION ALL
      SELECT ${TOTAL_KEY}, ${TOTAL_VALUES} FROM gone`)}), ${STORED},
  aggregate AS (
    SELECT DISTINCT ON (s.meter_no) s.meter_no, s.aggregation
      FROM meter_settings s WHERE s.tenant_id = $1 AND s.meter_no = ANY ($3::integer[])
     ORDER BY s.meter_no, s.version DESC),
  difference AS MATERIALIZED (
    SELECT ${TOTAL_KEY}, r.quantity_sum, r.quantity_max, r.entry_count, r.last_quantity, r.last_at,
           r.last_key, r.digest,
           CASE WHEN r.digest IS NOT NULL THEN ${valuesAsJson('r')} END AS ledger_value,
           CASE WHEN s.digest IS NOT NULL THEN ${valuesAsJson('s')} END AS stored_value
      FROM rebuilt r FULL JOIN stored s USING (${TOTAL_KEY})
      LEFT JOIN aggregate USING (meter_no)
     WHERE (r.quantity_sum, r.entry_count, r.digest)
             IS DISTINCT FROM (s.quantity_sum, s.entry_count, s.digest)
        OR (aggregation = 'max' AND r.quantity_max IS DISTINCT FROM s.quantity_max)
        OR (aggregation = 'last' AND (r.last_quantity, r.last_at, r.last_key)
             IS DISTINCT FROM (s.last_quantity, s.last_at, s.last_key)))`;

const MEMBER_KEY = `customer_no, meter_no, period_start, revision, billable, bucket, dimensions,
         unique_key`;

/** The sets behind unique_count: what is in one and not in the other (`side`). */
const MEMBERS = `${GONE_MEMBERS},
  ledger_member AS MATERIALIZED (
    SELECT DISTINCT ${MEMBER_KEY}, 'ledger' AS side
      FROM (${MARKED('SELECT * FROM entry')}) e WHERE stands AND unique_key IS NOT NULL
     UNION
    SELECT ${MEMBER_KEY}, 'ledger' FROM gone_member),
  stored_member AS MATERIALIZED (
    SELECT ${MEMBER_KEY}, 'stored' AS side
      FROM usage_unique u JOIN k USING (customer_no, meter_no, period_start)
     WHERE u.tenant_id = $1),
  member_difference AS MATERIALIZED (
    SELECT ${MEMBER_KEY}, coalesce(l.side, s.side) AS side
      FROM ledger_member l FULL JOIN stored_member s USING (${MEMBER_KEY})
     WHERE l.side IS NULL OR s.side IS NULL)`;

/** {@link REBUILD} with the sets. */
export const REBUILD_WITH_MEMBERS = `${REBUILD}, ${MEMBERS}`;

/** The sets alone. */
export const REBUILD_MEMBERS = `WITH ${KEY}, ${ENTRY}, ${MEMBERS}`;
