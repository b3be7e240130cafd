import type { Queryable } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import { isLater } from '../ledger/event-rows.js';
import { UNBILLABLE_REASONS } from '../outbox/hold-reason.js';
import type { OldMonth } from './retained-month.store.js';

/** Why a month may not leave the ledger yet. */
export type ObstacleReason =
  | 'earlier_month_stays'
  | 'too_recent'
  | 'open_period'
  | 'closed_lately'
  | 'unwritten_amendment'
  | 'push_to_plan'
  | 'unsettled_push'
  | 'push_to_read'
  | 'held_push'
  | 'late_void'
  | 'erasure_running'
  | 'bulk_void_running'
  | 'replay_running';

export interface Obstacle {
  readonly reason: ObstacleReason;
  /** How many periods, or what else the reason is about. */
  readonly count: number;
  /** One of the periods; null where the reason is about none. */
  readonly example: {
    readonly tenant: string;
    readonly customer_id: string;
    readonly meter: string;
    /** RFC 3339. */
    readonly period_start: string;
  } | null;
}

/** As long as Stripe takes usage for, so that nothing that comes back from there needs the entries. */
const DAYS_MIN = 35;

/** Holds that nothing cures keep no month. */
const FINAL_HOLDS = ['too_old', ...UNBILLABLE_REASONS];

const hasRow = (table: string, more = ''): string => `
  EXISTS (SELECT FROM ${table} x
           WHERE x.tenant_id = p.tenant_id AND x.customer_no = p.customer_no
             AND x.meter_no = p.meter_no AND x.period_start = p.period_start ${more})`;

/** Each reason that is about periods, and when a period `p` of the month gives it. */
const OF_PERIODS: Readonly<Partial<Record<ObstacleReason, string>>> = {
  open_period: 'p.billable AND p.closed_at IS NULL',
  closed_lately: `p.billable AND (p.closed_at > clock_timestamp() - interval '${DAYS_MIN} days'
    OR ${hasRow('period_amendment', `AND x.created_at > clock_timestamp() - interval '${DAYS_MIN} days'`)})`,
  unwritten_amendment: `${hasRow('amendment_due')}
    OR ${hasRow('period_amendment', 'AND x.created_at IS NULL')}`,
  push_to_plan: hasRow('push_work'),
  unsettled_push: hasRow('push', `AND x.status IN ('pending', 'sending', 'unknown', 'disputed')`),
  push_to_read: hasRow(
    'push',
    `AND EXISTS (SELECT FROM push_reading r
                  WHERE r.tenant_id = x.tenant_id AND r.identifier = x.identifier)`,
  ),
  held_push: hasRow('push_hold', 'AND x.reason <> ALL ($3::text[])'),
  // What stands with such a void is read from the entries of its quarter hour.
  late_void: `(SELECT s.aggregation FROM meter_settings s
        WHERE s.tenant_id = p.tenant_id AND s.meter_no = p.meter_no
        ORDER BY s.version DESC LIMIT 1) NOT IN ('sum', 'count')
    AND ${hasRow('usage_entry', 'AND x.is_void AND x.revision > 0')}`,
};

const unfinished = (reason: ObstacleReason, table: string): string => `
  SELECT '${reason}', count(*), NULL::json FROM ${table} WHERE finished_at IS NULL`;

/** $1, $2 the month, $3 holds that are final. An entry that another one stands for bills to nothing. */
const OBSTACLES = `
  WITH period AS MATERIALIZED (
    SELECT e.tenant_id, e.customer_no, e.meter_no, e.period_start,
           bool_or(e.billable) AS billable, max(b.closed_at) AS closed_at
      FROM usage_entry e
      LEFT JOIN billing_period b USING (tenant_id, customer_no, meter_no, period_start)
     WHERE e.received_at >= $1::timestamptz AND e.received_at < $2::timestamptz
       AND NOT EXISTS (SELECT FROM usage_entry n
             WHERE n.tenant_id = e.tenant_id AND n.event_key = e.event_key
               AND n.meter_no = e.meter_no AND n.is_void = e.is_void
               AND ${isLater('n')} AND n.entry_no > e.entry_no)
     GROUP BY 1, 2, 3, 4),
  found AS MATERIALIZED (
    ${Object.entries(OF_PERIODS)
      .map(([reason, sql]) => `SELECT '${reason}' AS reason, p.* FROM period p WHERE ${sql}`)
      .join(' UNION ALL ')}),
  obstacle (reason, count, example) AS (
    SELECT 'too_recent', 1::bigint, NULL::json
     WHERE clock_timestamp() < $2::timestamptz + interval '${DAYS_MIN} days'
     UNION ALL
    SELECT f.reason, f.count, json_build_object('tenant', t.name, 'customer_id', c.customer_id,
             'meter', m.key, 'period_start',
             to_char(f.period_start, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
      FROM (SELECT DISTINCT ON (reason) f.*, count(*) OVER (PARTITION BY reason) AS count
              FROM found f ORDER BY reason, period_start, tenant_id, customer_no, meter_no) f
      JOIN tenant t USING (tenant_id)
      JOIN customer c USING (tenant_id, customer_no)
      JOIN meter m USING (tenant_id, meter_no)
     UNION ALL ${unfinished('erasure_running', 'erasure')}
     UNION ALL ${unfinished('bulk_void_running', 'bulk_void')}
     UNION ALL ${unfinished('replay_running', 'replay')})
  SELECT reason, count, example FROM obstacle WHERE count > 0 ORDER BY reason`;

/** Why the month may not leave the ledger as things stand, but for the months before it. */
export async function obstaclesOf(
  db: Queryable,
  { start, end }: Pick<OldMonth, 'start' | 'end'>,
): Promise<Obstacle[]> {
  return db.query<Obstacle>(OBSTACLES, [
    formatInstantMicros(start),
    formatInstantMicros(end),
    FINAL_HOLDS,
  ]);
}
