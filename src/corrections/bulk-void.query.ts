import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { isLater } from '../ledger/event-rows.js';
import { carriedNow } from '../usage/carried-last.js';
import type { BulkVoidEffect } from './bulk-void.answer.js';
import {
  eventsOf,
  IS_SELECTED,
  selectionParameters,
  type EventSelection,
} from './event-selection.js';

/** What voids of many events have changed so far. */
export async function effectsOf(
  db: Queryable,
  tenantId: string,
  bulkVoidId: string,
): Promise<BulkVoidEffect[]> {
  return db.query<BulkVoidEffect>(
    `SELECT f.meter, f.kind, count(*) AS event_count, trim_scale(sum(f.value))::text AS value
       FROM usage_void v
      CROSS JOIN LATERAL json_to_recordset(v.effects) AS f (meter text, kind text, value numeric)
      WHERE v.tenant_id = $1 AND v.bulk_void_id = $2
      GROUP BY f.meter, f.kind ORDER BY f.meter, f.kind`,
    [tenantId, bulkVoidId],
  );
}

/** What voiding a selection would change. */
export async function rehearsedEffects(
  db: Queryable,
  tenantId: string,
  selection: EventSelection,
  until: Micros,
): Promise<BulkVoidEffect[]> {
  return db.query<BulkVoidEffect>(
    rehearsed(eventsOf(selection)),
    selectionParameters(tenantId, selection, formatInstantMicros(until)),
  );
}

/** What adds up goes down by what is taken out; of the rest each period is held against itself. */
const rehearsed = (events: string): string => `
  WITH chosen AS MATERIALIZED (
    SELECT e.event_key, e.received_at FROM ${events} e
     WHERE ${IS_SELECTED} AND NOT EXISTS (SELECT FROM usage_void v
            WHERE v.tenant_id = $1 AND v.event_key = e.event_key)),
  target AS MATERIALIZED (
    SELECT DISTINCT ON (u.event_key, u.meter_no) u.customer_no, u.meter_no, u.period_start,
           u.billable, u.quantity
      FROM usage_entry u JOIN chosen USING (event_key, received_at)
     WHERE u.tenant_id = $1 AND NOT u.is_void
     ORDER BY u.event_key, u.meter_no, u.entry_no DESC),
  period AS (
    SELECT t.customer_no, t.meter_no, t.period_start, t.billable, m.key AS meter, s.aggregation,
           count(*) AS event_count, sum(t.quantity) AS quantity_sum, ${carriedNow('p')} AS carried_last,
           CASE WHEN NOT t.billable OR NOT (p.closed_at IS NOT NULL
                       OR p.period_end <= greatest(n.closed_through, k.closed_through)
                       OR (NOT p.backfilled AND NOT p.of_item
                           AND p.period_end <= n.clock_closed_through)) THEN 'open'
                WHEN s.late_usage = 'carry_forward'
                  OR (s.late_usage = 'reject' AND s.aggregation IN ('sum', 'count')) THEN 'carried'
                ELSE 'amendment' END AS kind
      FROM target t
      JOIN tenant n ON n.tenant_id = $1
      JOIN meter m ON m.tenant_id = $1 AND m.meter_no = t.meter_no
     CROSS JOIN LATERAL (SELECT aggregation, late_usage FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = t.meter_no ORDER BY version DESC LIMIT 1) s
     CROSS JOIN LATERAL (SELECT max(closed_through) AS closed_through FROM close_mark k
            WHERE k.tenant_id = $1 AND k.customer_no IN (0, t.customer_no)
              AND k.meter_no IN (0, t.meter_no)) k
      LEFT JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = t.customer_no
       AND p.meter_no = t.meter_no AND p.period_start = t.period_start
     GROUP BY t.customer_no, t.meter_no, t.period_start, t.billable, m.key, s.aggregation,
           p.tenant_id, p.customer_no, p.meter_no, p.period_start, p.carried_last, p.closed_at,
           p.period_close_id, kind),
  standing AS (
    SELECT p.customer_no, p.meter_no, p.period_start, u.event_key, u.quantity, u.occurred_at,
           u.unique_key, c.event_key IS NOT NULL AS goes
      FROM period p
      JOIN usage_entry u ON u.tenant_id = $1 AND u.customer_no = p.customer_no
       AND u.meter_no = p.meter_no AND u.period_start = p.period_start
       AND u.billable AND NOT u.is_void
      LEFT JOIN chosen c ON c.event_key = u.event_key
     WHERE p.billable AND p.aggregation NOT IN ('sum', 'count')
       AND NOT EXISTS (SELECT FROM usage_entry o
             WHERE o.tenant_id = $1 AND o.event_key = u.event_key AND o.meter_no = u.meter_no
               AND ${isLater('o')} AND (o.is_void OR o.entry_no > u.entry_no))),
  rest AS (
    SELECT customer_no, meter_no, period_start, max(quantity) AS max_before,
           max(quantity) FILTER (WHERE NOT goes) AS max_after,
           (array_agg(quantity ORDER BY occurred_at DESC, event_key DESC))[1] AS last_before,
           (array_agg(quantity ORDER BY occurred_at DESC, event_key DESC)
             FILTER (WHERE NOT goes))[1] AS last_after,
           count(DISTINCT unique_key) AS count_before,
           count(DISTINCT unique_key) FILTER (WHERE NOT goes) AS count_after
      FROM standing GROUP BY customer_no, meter_no, period_start)
  SELECT p.meter, p.kind, sum(p.event_count)::bigint AS event_count, trim_scale(sum(
           CASE WHEN NOT p.billable THEN 0 ELSE CASE p.aggregation
             WHEN 'sum' THEN -p.quantity_sum
             WHEN 'count' THEN -p.event_count
             WHEN 'max' THEN coalesce(r.max_after, 0) - r.max_before
             WHEN 'last' THEN coalesce(r.last_after, p.carried_last, 0) - r.last_before
             ELSE r.count_after - r.count_before END END))::text AS value
    FROM period p LEFT JOIN rest r USING (customer_no, meter_no, period_start)
   GROUP BY p.meter, p.kind ORDER BY p.meter, p.kind`;
