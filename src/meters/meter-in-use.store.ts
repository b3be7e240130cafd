import type { Queryable } from '../database/connections.js';

/** Whether anything was ever counted in a meter. Each entry is in a delta or, once folded, a total. */
export async function hasUsage(db: Queryable, tenantId: string, meterNo: number): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM usage_total WHERE tenant_id = $1 AND meter_no = $2)
         OR EXISTS (SELECT FROM usage_delta WHERE tenant_id = $1 AND meter_no = $2) AS found`,
    [tenantId, meterNo],
  );
  return row!.found;
}

/** Whether Stripe got, or may have got, usage of this meter in a period that is still open. */
export async function hasOpenDeliveries(
  db: Queryable,
  tenantId: string,
  meterNo: number,
): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>(
    `SELECT EXISTS (
       SELECT FROM push p
         JOIN billing_period b
           ON b.tenant_id = p.tenant_id AND b.customer_no = p.customer_no
          AND b.meter_no = p.meter_no AND b.period_start = p.period_start
        WHERE p.tenant_id = $1 AND b.tenant_id = $1 AND p.meter_no = $2 AND b.closed_at IS NULL
          AND p.status IN ('sending', 'unknown', 'delivered', 'confirmed', 'disputed')) AS found`,
    [tenantId, meterNo],
  );
  return row!.found;
}
