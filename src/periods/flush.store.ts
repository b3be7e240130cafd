import type { CustomerMeter } from '../customers/billing-source.store.js';
import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import type { HoldReason } from '../outbox/hold-reason.js';
import type { PushStatus } from '../outbox/push-status.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

/** A push that carries usage of a period, or did. */
export interface FlushedPush {
  readonly identifier: string;
  readonly meter: string;
  readonly periodStart: Micros;
  readonly status: PushStatus;
  readonly value: string;
}

export interface FlushedHold {
  readonly meter: string;
  readonly periodStart: Micros;
  readonly reason: HoldReason;
  readonly value: string;
}

/**
 * Has a customer's open periods planned at once, and closed ones that still have something to go.
 *
 * @param key Meter 0 stands for all of them.
 */
export async function planNow(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo }: CustomerMeter,
): Promise<PeriodKey[]> {
  return db.query<PeriodKey>(PLAN_NOW, [tenantId, customerNo, meterNo]);
}

const PLAN_NOW = `
  WITH due AS (
    SELECT p.customer_no, p.meter_no, p.period_start, p.closed_at IS NOT NULL AS closed
      FROM billing_period p
     WHERE p.tenant_id = $1 AND p.customer_no = $2 AND ($3::integer = 0 OR p.meter_no = $3)
       AND (p.closed_at IS NULL
            OR EXISTS (SELECT FROM push_hold h
                        WHERE h.tenant_id = $1 AND h.customer_no = p.customer_no
                          AND h.meter_no = p.meter_no AND h.period_start = p.period_start)
            OR EXISTS (SELECT FROM push w
                        WHERE w.tenant_id = $1 AND w.customer_no = p.customer_no
                          AND w.meter_no = p.meter_no AND w.period_start = p.period_start
                          AND w.status IN ('pending', 'sending', 'unknown')))),
  planned AS (
    INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
    SELECT $1, d.customer_no, d.meter_no, d.period_start, true FROM due d
     ORDER BY d.customer_no, d.meter_no, d.period_start
    ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE SET closed = true)
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart"
    FROM due ORDER BY meter_no, period_start`;

/** How many of the periods are still to be planned. */
export async function unplanned(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<number> {
  const rows = await db.query(
    `SELECT FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
                   AS k (customer_no, meter_no, period_start)
       JOIN push_work w USING (customer_no, meter_no, period_start)
      WHERE w.tenant_id = $1`,
    [tenantId, ...periodKeyArrays(periods)],
  );
  return rows.length;
}

/** The pushes of the periods that were not taken back, in the order they were planned. */
export async function pushesOf(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<FlushedPush[]> {
  return db.query<FlushedPush>(
    `SELECT w.identifier, m.key AS meter, w.period_start AS "periodStart", w.status,
            trim_scale(w.value)::text AS value
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS k (customer_no, meter_no, period_start)
       JOIN push w USING (customer_no, meter_no, period_start)
       JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = w.lane_id AND NOT l.superseded
       JOIN meter m ON m.tenant_id = $1 AND m.meter_no = w.meter_no
      WHERE w.tenant_id = $1 AND NOT w.replaced
      ORDER BY w.created_at, w.meter_no, w.period_start, w.sequence`,
    [tenantId, ...periodKeyArrays(periods)],
  );
}

export async function holdsOf(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<FlushedHold[]> {
  return db.query<FlushedHold>(
    `SELECT m.key AS meter, h.period_start AS "periodStart", h.reason,
            trim_scale(h.value)::text AS value
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS k (customer_no, meter_no, period_start)
       JOIN push_hold h USING (customer_no, meter_no, period_start)
       JOIN meter m ON m.tenant_id = $1 AND m.meter_no = h.meter_no
      WHERE h.tenant_id = $1
      ORDER BY m.key, h.period_start, h.reason`,
    [tenantId, ...periodKeyArrays(periods)],
  );
}
