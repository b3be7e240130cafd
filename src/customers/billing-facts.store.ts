import type { Queryable } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/** What has become of a customer's usage, and so what its settings may still change. */
export interface BillingFacts {
  /** A period is closed, or will be by a close that is under way. */
  readonly hasClosedPeriod: boolean;
  /** Stripe got, or may have got, usage. */
  readonly hasDelivery: boolean;
  /** And that in a period that is not closed yet. */
  readonly hasOpenDelivery: boolean;
  /** Where the last period ends that has usage. */
  readonly lastPeriodEnd: Micros | null;
}

export const NO_BILLING_FACTS: BillingFacts = Object.freeze({
  hasClosedPeriod: false,
  hasDelivery: false,
  hasOpenDelivery: false,
  lastPeriodEnd: null,
});

/** The facts of each customer, by its number. */
export async function billingFactsOf(
  db: Queryable,
  tenantId: string,
  customerNos: readonly number[],
  gate: GateState,
): Promise<Map<number, BillingFacts>> {
  if (customerNos.length === 0) return new Map();
  const rows = await db.query<BillingFacts & { customerNo: number }>(FACTS, [
    tenantId,
    customerNos,
    formatInstantMicros(gate.closedThrough),
    formatInstantMicros(gate.clockClosedThrough),
  ]);
  return new Map(rows.map(({ customerNo, ...facts }) => [customerNo, facts]));
}

/** Those of the customers that have any usage, billable or not. */
export async function customersWithUsage(
  db: Queryable,
  tenantId: string,
  customerNos: readonly number[],
): Promise<Set<number>> {
  if (customerNos.length === 0) return new Set();
  const rows = await db.query<{ customerNo: number }>(
    `SELECT c.customer_no AS "customerNo"
       FROM unnest($2::bigint[]) AS c (customer_no)
      WHERE EXISTS (SELECT FROM usage_entry e
                     WHERE e.tenant_id = $1 AND e.customer_no = c.customer_no)
         OR EXISTS (SELECT FROM usage_checkpoint e
                     WHERE e.tenant_id = $1 AND e.customer_no = c.customer_no)`,
    [tenantId, customerNos],
  );
  return new Set(rows.map((row) => row.customerNo));
}

/** A period that a mark has passed counts as closed before its statement is written. */
const FACTS = `
  SELECT c.customer_no AS "customerNo",
         EXISTS (SELECT FROM billing_period b
                  WHERE b.tenant_id = $1 AND b.customer_no = c.customer_no
                    AND (b.closed_at IS NOT NULL OR b.period_end <= $3::timestamptz
                         OR (NOT b.backfilled AND NOT b.of_item
                             AND b.period_end <= $4::timestamptz)
                         OR EXISTS (SELECT FROM close_mark m
                                     WHERE m.tenant_id = $1 AND m.customer_no IN (0, b.customer_no)
                                       AND m.meter_no IN (0, b.meter_no)
                                       AND m.closed_through >= b.period_end))) AS "hasClosedPeriod",
         EXISTS (SELECT FROM push p
                  WHERE p.tenant_id = $1 AND p.customer_no = c.customer_no
                    AND p.status IN ('sending', 'unknown', 'delivered', 'confirmed', 'disputed'))
           AS "hasDelivery",
         EXISTS (SELECT FROM push p
                   JOIN billing_period b
                     ON b.tenant_id = p.tenant_id AND b.customer_no = p.customer_no
                    AND b.meter_no = p.meter_no AND b.period_start = p.period_start
                  WHERE p.tenant_id = $1 AND p.customer_no = c.customer_no AND b.closed_at IS NULL
                    AND p.status IN ('sending', 'unknown', 'delivered', 'confirmed', 'disputed'))
           AS "hasOpenDelivery",
         (SELECT max(b.period_end) FROM billing_period b
           WHERE b.tenant_id = $1 AND b.customer_no = c.customer_no) AS "lastPeriodEnd"
    FROM unnest($2::bigint[]) AS c (customer_no)`;
