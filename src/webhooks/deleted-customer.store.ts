import type { StripeCustomer } from '../customers/subscription-reading.store.js';
import type { Transaction } from '../database/connections.js';

/**
 * Keeps that a Stripe customer is deleted, and has planned anew what was to go to it.
 *
 * @returns How many periods are.
 */
export async function markCustomerDeleted(
  tx: Transaction,
  tenantId: string,
  { accountId, livemode, stripeCustomerId }: StripeCustomer,
): Promise<number> {
  await tx.query(
    `INSERT INTO subscription_reading AS r (tenant_id, account_id, livemode, stripe_customer_id,
            deleted_at)
     SELECT $1, $2, $3, $4,
            clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
       FROM tenant t WHERE t.tenant_id = $1
     ON CONFLICT (tenant_id, account_id, livemode, stripe_customer_id) DO UPDATE
        SET deleted_at = coalesce(r.deleted_at, excluded.deleted_at)`,
    [tenantId, accountId, livemode, stripeCustomerId],
  );
  const planned = await tx.query(REPLAN, [tenantId, stripeCustomerId]);
  return planned.length;
}

const REPLAN = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT p.tenant_id, p.customer_no, p.meter_no, p.period_start, p.closed_at IS NOT NULL
    FROM customer c
    JOIN billing_period p ON p.tenant_id = c.tenant_id AND p.customer_no = c.customer_no
   WHERE c.tenant_id = $1 AND c.stripe_customer_id = $2
     AND (p.closed_at IS NULL
          OR EXISTS (SELECT FROM push_hold h
                      WHERE h.tenant_id = $1 AND h.customer_no = p.customer_no
                        AND h.meter_no = p.meter_no AND h.period_start = p.period_start)
          OR EXISTS (SELECT FROM push w
                      WHERE w.tenant_id = $1 AND w.customer_no = p.customer_no
                        AND w.meter_no = p.meter_no AND w.period_start = p.period_start
                        AND w.status = 'pending'))
   ORDER BY p.customer_no, p.meter_no, p.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
       SET closed = push_work.closed OR excluded.closed
  RETURNING 1`;
