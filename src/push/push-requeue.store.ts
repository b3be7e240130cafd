import type { Queryable } from '../database/connections.js';

const OPEN_WITH_USAGE = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT p.tenant_id, p.customer_no, p.meter_no, p.period_start, false
    FROM billing_period p
   WHERE p.tenant_id = $1 AND p.closed_at IS NULL
     AND p.period_end > (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
                           FROM tenant t WHERE t.tenant_id = $1) - interval '40 days'
     AND ($2::bigint IS NULL OR p.customer_no = $2) AND ($3::integer IS NULL OR p.meter_no = $3)
     AND (p.carried_last IS NOT NULL
          OR EXISTS (SELECT FROM usage_total u
                      WHERE u.tenant_id = $1 AND u.customer_no = p.customer_no
                        AND u.meter_no = p.meter_no AND u.period_start = p.period_start)
          OR EXISTS (SELECT FROM usage_delta u
                      WHERE u.tenant_id = $1 AND u.customer_no = p.customer_no
                        AND u.meter_no = p.meter_no AND u.period_start = p.period_start))
   ORDER BY p.customer_no, p.meter_no, p.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO NOTHING
  RETURNING 1`;

const HELD_AFTER_CLOSE = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT DISTINCT p.tenant_id, p.customer_no, p.meter_no, p.period_start, true
    FROM (SELECT tenant_id, customer_no, meter_no, period_start, reason FROM push_hold
           WHERE tenant_id = $1
           UNION ALL
          SELECT tenant_id, customer_no, meter_no, period_start, status FROM push
           WHERE tenant_id = $1 AND status = 'rejected' AND NOT replaced
           UNION ALL
          SELECT tenant_id, customer_no, meter_no, period_start, status FROM push
           WHERE tenant_id = $1 AND status = 'unknown' AND kind = 'total'
             AND next_attempt_at IS NULL) h
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = h.customer_no
     AND p.meter_no = h.meter_no AND p.period_start = h.period_start AND p.closed_at IS NOT NULL
   WHERE h.tenant_id = $1 AND h.reason NOT IN ('too_old', 'invoice_finalized', 'customer_deleted')
     AND ($2::bigint IS NULL OR p.customer_no = $2) AND ($3::integer IS NULL OR p.meter_no = $3)
   ORDER BY p.customer_no, p.meter_no, p.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO NOTHING
  RETURNING 1`;

/** What a change of mappings, meters, schedules or keys may have cured, or taken back. */
const MAYBE_CHANGED = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT $1, c.customer_no, c.meter_no, c.period_start, bool_or(p.closed_at IS NOT NULL)
    FROM (SELECT h.customer_no, h.meter_no, h.period_start, h.reason
            FROM push_hold h
           WHERE h.tenant_id = $1 AND h.reason NOT IN ('too_old', 'invoice_finalized')
           UNION ALL
          SELECT w.customer_no, w.meter_no, w.period_start, w.status
            FROM push w
           WHERE w.tenant_id = $1
             AND (w.status = 'pending' OR (w.status = 'rejected' AND NOT w.replaced))) c
    LEFT JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = c.customer_no
     AND p.meter_no = c.meter_no AND p.period_start = c.period_start
    LEFT JOIN customer k ON k.tenant_id = $1 AND k.customer_no = c.customer_no
    LEFT JOIN LATERAL (
           SELECT stripe_event_name, push FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = c.meter_no
            ORDER BY version DESC LIMIT 1) s ON true
   WHERE p.period_start IS NULL OR coalesce(k.push, s.push) = 'off'
      OR CASE c.reason
           WHEN 'customer_unmapped' THEN k.stripe_customer_id IS NOT NULL
           WHEN 'meter_unmapped' THEN s.stripe_event_name IS NOT NULL
           WHEN 'stripe_not_configured' THEN $2
           WHEN 'customer_deleted' THEN NOT EXISTS (
             SELECT FROM subscription_reading r
              WHERE r.tenant_id = $1 AND r.stripe_customer_id = k.stripe_customer_id
                AND r.deleted_at IS NOT NULL)
           ELSE true
         END
   GROUP BY c.customer_no, c.meter_no, c.period_start
   ORDER BY c.customer_no, c.meter_no, c.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO NOTHING
  RETURNING 1`;

/**
 * Closed periods that a mode or a `push_from` set since covers: nothing was pushed of them, or
 * nothing since their meter's `push_from` changed. Older ones Stripe does not take any more.
 */
const CLOSED_UNPUSHED = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT p.tenant_id, p.customer_no, p.meter_no, p.period_start, true
    FROM billing_period p
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = p.customer_no
    JOIN LATERAL (
           SELECT push, push_from, version, created_at FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = p.meter_no
            ORDER BY version DESC LIMIT 1) s ON true
   WHERE p.tenant_id = $1 AND p.closed_at IS NOT NULL AND p.value <> 0
     AND p.period_end > (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
                           FROM tenant t WHERE t.tenant_id = $1) - interval '36 days'
     AND coalesce(c.push, s.push) = 'live' AND (s.push_from IS NULL OR s.push_from < p.period_end)
     AND NOT EXISTS (SELECT FROM push_hold h
                      WHERE h.tenant_id = $1 AND h.customer_no = p.customer_no
                        AND h.meter_no = p.meter_no AND h.period_start = p.period_start)
     AND NOT EXISTS (SELECT FROM push w
                      WHERE w.tenant_id = $1 AND w.customer_no = p.customer_no
                        AND w.meter_no = p.meter_no AND w.period_start = p.period_start
                        AND w.status <> 'shadow' AND NOT w.replaced
                        AND (w.created_at >= s.created_at OR NOT EXISTS (
                               SELECT FROM meter_settings o
                                WHERE o.tenant_id = $1 AND o.meter_no = p.meter_no
                                  AND o.version = s.version - 1
                                  AND o.push_from IS DISTINCT FROM s.push_from)))
   ORDER BY p.customer_no, p.meter_no, p.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO NOTHING
  RETURNING 1`;

/** Closed periods that were off or in shadow mode when they were planned last, and are live now. */
const LIVE_AGAIN = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT u.tenant_id, u.customer_no, u.meter_no, u.period_start, true
    FROM push_unplanned u
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = u.customer_no
     AND p.meter_no = u.meter_no AND p.period_start = u.period_start
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = u.customer_no
    JOIN LATERAL (
           SELECT push, push_from FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = u.meter_no
            ORDER BY version DESC LIMIT 1) s ON true
   WHERE u.tenant_id = $1 AND coalesce(c.push, s.push) = 'live'
     AND (s.push_from IS NULL OR s.push_from < p.period_end)
     AND p.period_end > (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
                           FROM tenant t WHERE t.tenant_id = $1) - interval '36 days'
   ORDER BY u.customer_no, u.meter_no, u.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO NOTHING
  RETURNING 1`;

/**
 * Closed periods that another account or mode got last, and that this one had begun to get: their
 * rest goes here again.
 */
const BACK_AT_ACCOUNT = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT DISTINCT p.tenant_id, p.customer_no, p.meter_no, p.period_start, true
    FROM push_lane l
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = l.customer_no
     AND p.meter_no = l.meter_no AND p.period_start = l.period_start AND p.closed_at IS NOT NULL
   WHERE l.tenant_id = $1 AND l.active AND (l.account_id, l.livemode) <> ($2, $3)
     AND p.period_end > (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
                           FROM tenant t WHERE t.tenant_id = $1) - interval '36 days'
     AND EXISTS (SELECT FROM push_lane o
                  WHERE o.tenant_id = $1 AND o.customer_no = l.customer_no
                    AND o.meter_no = l.meter_no AND o.period_start = l.period_start
                    AND o.account_id = $2 AND o.livemode = $3)
   ORDER BY 2, 3, 4
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO NOTHING
  RETURNING 1`;

export interface PeriodFilter {
  readonly customerNo?: number;
  readonly meterNo?: number;
}

/** Has open periods with usage planned again, but for backfills of more than 40 days ago. */
export async function requeueOpen(
  db: Queryable,
  tenantId: string,
  { customerNo = null, meterNo = null }: { customerNo?: number | null; meterNo?: number | null },
): Promise<number> {
  return (await db.query(OPEN_WITH_USAGE, [tenantId, customerNo, meterNo])).length;
}

/** Has closed periods planned again that are held for what may have passed by itself. */
export async function requeueHeld(
  db: Queryable,
  tenantId: string,
  { customerNo = null, meterNo = null }: { customerNo?: number | null; meterNo?: number | null },
): Promise<number> {
  return (await db.query(HELD_AFTER_CLOSE, [tenantId, customerNo, meterNo])).length;
}

/** Has periods planned again whose way to Stripe may be another since the last look. */
export async function requeueChanged(
  db: Queryable,
  tenantId: string,
  stripeIsConfigured: boolean,
): Promise<number> {
  const changed = await db.query(MAYBE_CHANGED, [tenantId, stripeIsConfigured]);
  const unpushed = await db.query(CLOSED_UNPUSHED, [tenantId]);
  const live = await db.query(LIVE_AGAIN, [tenantId]);
  return changed.length + unpushed.length + live.length;
}

/** Has closed periods planned again that an account is to get on with. */
export async function requeueForAccount(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: { readonly accountId: string; readonly livemode: boolean },
): Promise<number> {
  return (await db.query(BACK_AT_ACCOUNT, [tenantId, accountId, livemode])).length;
}
