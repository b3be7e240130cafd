import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import {
  CLOSE_SCOPE,
  closeScopeParameters,
  type CloseScope,
} from '../ledger/close-request.store.js';

/** A stored period of a meter that carries its value over. */
export interface CarryingPeriod {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly start: Micros;
  readonly end: Micros;
  readonly closed: boolean;
  readonly carriedLast: string | null;
  /** Whether its statement is handed to the push stage. */
  readonly pushed: boolean;
}

/** How many of the periods that are due have a way to Stripe that is not off. */
export async function countPushed(
  db: Queryable,
  tenantId: string,
  scope: CloseScope,
): Promise<number> {
  const [row] = await db.query<{ pushed: number }>(
    `SELECT count(*) AS pushed
       FROM (SELECT tenant_id, customer_no, meter_no FROM billing_period
              WHERE ${CLOSE_SCOPE} AND closed_at IS NULL) p
       JOIN customer c USING (tenant_id, customer_no)
      CROSS JOIN LATERAL (SELECT push FROM meter_settings s
             WHERE s.tenant_id = $1 AND s.meter_no = p.meter_no ORDER BY version DESC LIMIT 1) s
      WHERE coalesce(c.push, s.push) <> 'off'`,
    closeScopeParameters(tenantId, scope),
  );
  return row!.pushed;
}

/**
 * Of the next customers and meters that a close finds due periods of, where the meter carries over:
 * all stored periods from the first due one on.
 *
 * @param after The customer and meter that were read last.
 * @param limit How many customers and meters.
 */
export async function carryingPeriods(
  db: Queryable,
  tenantId: string,
  scope: CloseScope,
  after: { readonly customerNo: number; readonly meterNo: number },
  limit: number,
): Promise<CarryingPeriod[]> {
  return db.query<CarryingPeriod>(
    `WITH settings AS (
       SELECT DISTINCT ON (meter_no) meter_no, carry_last, push FROM meter_settings
        WHERE tenant_id = $1 ORDER BY meter_no, version DESC),
     pair AS (
       SELECT customer_no, meter_no, min(period_start) AS first
         FROM billing_period
        WHERE ${CLOSE_SCOPE} AND closed_at IS NULL
          AND meter_no IN (SELECT meter_no FROM settings WHERE carry_last)
          AND (customer_no, meter_no) > ($6::bigint, $7::integer)
        GROUP BY customer_no, meter_no ORDER BY customer_no, meter_no LIMIT $8)
     SELECT p.customer_no AS "customerNo", p.meter_no AS "meterNo", p.period_start AS "start",
            p.period_end AS "end", p.closed_at IS NOT NULL AS closed,
            trim_scale(p.carried_last)::text AS "carriedLast",
            coalesce(c.push, s.push) <> 'off' AS pushed
       FROM pair
       JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = pair.customer_no
        AND p.meter_no = pair.meter_no AND p.period_start >= pair.first
       JOIN customer c ON c.tenant_id = $1 AND c.customer_no = pair.customer_no
       JOIN settings s ON s.meter_no = pair.meter_no
      ORDER BY p.customer_no, p.meter_no, p.period_end`,
    [...closeScopeParameters(tenantId, scope), after.customerNo, after.meterNo, limit],
  );
}
