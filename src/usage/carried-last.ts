import type { Queryable } from '../database/connections.js';
import { periodKeyArrays, type PeriodKey } from './period-values.js';

const SAME_PERIOD = (a: string, p: string): string => `
  ${a}.tenant_id = $1 AND ${a}.customer_no = ${p}.customer_no AND ${a}.meter_no = ${p}.meter_no
  AND ${a}.period_start = ${p}.period_start`;

/**
 * SQL, beside a billing period: what it carries as its statement and its frozen amendments say.
 * $1 is the tenant.
 */
export const carriedAsWritten = (p: string): string => `
  coalesce((SELECT a.carried_last FROM period_amendment a
             WHERE ${SAME_PERIOD('a', p)} AND a.created_at IS NOT NULL
             ORDER BY a.revision DESC LIMIT 1), ${p}.carried_last)`;

/**
 * SQL, beside a billing period: what the next amendment of it carries, which is what the period
 * before has come to since, where that one's value was carried into it or could not be yet: what was
 * closed while nothing was carried over stays so. That the one before was written later shows where its
 * close was at work when this period's began, or where it begins with a value itself. An open period
 * always has it.
 */
export const carriedNow = (p: string): string => `
  (SELECT CASE
            WHEN ${p}.closed_at IS NULL THEN ${p}.carried_last
            WHEN s.carry_last AND b.period_start IS NOT NULL
                 AND (${p}.carried_last IS NOT NULL OR b.carried_last IS NOT NULL
                      OR (b.event_count = 0 AND b.amendments > 0)
                      OR EXISTS (SELECT FROM period_close c
                                  WHERE c.tenant_id = $1 AND c.period_close_id = b.period_close_id
                                    AND c.period_close_id <> ${p}.period_close_id
                                    AND (c.finished_at IS NULL OR c.finished_at > ${p}.closed_at)))
              THEN b.amended_value
            ELSE ${carriedAsWritten(p)} END
     FROM (SELECT carry_last FROM meter_settings
            WHERE tenant_id = $1 AND meter_no = ${p}.meter_no ORDER BY version DESC LIMIT 1) s
     LEFT JOIN LATERAL (
            SELECT o.period_start, o.period_close_id, o.event_count, o.carried_last,
                   a.amendments, o.value + a.value AS amended_value
              FROM billing_period o
             CROSS JOIN LATERAL (
                    SELECT count(*) AS amendments, coalesce(sum(a.value), 0) AS value
                      FROM period_amendment a
                     WHERE ${SAME_PERIOD('a', 'o')} AND a.created_at IS NOT NULL) a
             WHERE o.tenant_id = $1 AND o.customer_no = ${p}.customer_no
               AND o.meter_no = ${p}.meter_no AND o.period_end = ${p}.period_start
               AND o.closed_at IS NOT NULL AND o.period_start = (
                     SELECT max(l.period_start) FROM billing_period l
                      WHERE l.tenant_id = $1 AND l.customer_no = ${p}.customer_no
                        AND l.meter_no = ${p}.meter_no AND l.period_start < ${p}.period_start)
            ) b ON true)`;

const hasLater = (table: string, p: string): string => `
  EXISTS (SELECT FROM ${table} u
           WHERE ${SAME_PERIOD('u', p)} AND u.billable AND u.revision > (
                 SELECT coalesce(max(a.revision), 0) FROM period_amendment a
                  WHERE ${SAME_PERIOD('a', p)} AND a.created_at IS NOT NULL))`;

/**
 * SQL, beside a billing period: what it carries as its statement and amendments tell it, those among
 * them that still grow.
 */
export const carriedAsTold = (p: string): string => `
  CASE WHEN ${p}.closed_at IS NOT NULL
            AND (${hasLater('usage_delta', p)} OR ${hasLater('usage_total', p)})
       THEN ${carriedNow(p)} ELSE ${carriedAsWritten(p)} END`;

const CARRIED = `
  SELECT trim_scale(${carriedNow('p')})::text AS carried
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[]) WITH ORDINALITY
           AS k (customer_no, meter_no, period_start, n)
    LEFT JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = k.customer_no
          AND p.meter_no = k.meter_no AND p.period_start = k.period_start
   ORDER BY k.n`;

/**
 * What periods of `last` meters begin with as things stand: what the next amendment of a closed one
 * is made with, and what an open one has.
 *
 * @returns One for each, in their order; null where nothing was carried into it.
 */
export async function carriedValues(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<(string | null)[]> {
  if (periods.length === 0) return [];
  const rows = await db.query<{ carried: string | null }>(CARRIED, [
    tenantId,
    ...periodKeyArrays(periods),
  ]);
  return rows.map(({ carried }) => carried);
}
