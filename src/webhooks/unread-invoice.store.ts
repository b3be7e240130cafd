import type { Queryable } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { formatInstantMicros, MICROS_PER_SECOND } from '../domain/instant.js';
import { BILLING_INVOICE, CLOCKS_APART_S, FINALIZES_AT } from '../outbox/billing-invoice.js';

const AHEAD = CLOCKS_APART_S * MICROS_PER_SECOND;

/** Pushes that no claim takes before the invoice of their period was looked up, and what is held. */
const UNREAD_CUSTOMERS = `
  SELECT w.stripe_customer_id AS "stripeCustomerId"
    FROM push w
    JOIN billing_period o ON o.tenant_id = $1 AND o.customer_no = w.customer_no
     AND o.meter_no = w.meter_no AND o.period_start = w.period_start AND o.of_item
    LEFT JOIN LATERAL (${BILLING_INVOICE}) i ON true
   WHERE w.tenant_id = $1 AND w.status = 'pending' AND w.next_attempt_at <= $3::timestamptz
     AND coalesce(i.status, 'draft') = 'draft' AND ${FINALIZES_AT} <= $2::timestamptz
     AND NOT EXISTS (SELECT FROM subscription_reading r
                      WHERE r.tenant_id = $1 AND r.stripe_customer_id = w.stripe_customer_id
                        AND r.invoices_read_at >= ${FINALIZES_AT})
   UNION
  SELECT c.stripe_customer_id FROM push_hold h
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = h.customer_no
   WHERE h.tenant_id = $1 AND h.reason = 'invoice_not_read' AND c.stripe_customer_id IS NOT NULL`;

/**
 * The Stripe customers whose invoices want looking up, for what waits to be sent or is held.
 *
 * @param times The tenant's now, and the database's time of day.
 */
export async function unreadCustomers(
  db: Queryable,
  tenantId: string,
  { now, receivedAt: at }: Pick<GateState, 'now' | 'receivedAt'>,
): Promise<string[]> {
  const rows = await db.query<{ stripeCustomerId: string }>(UNREAD_CUSTOMERS, [
    tenantId,
    formatInstantMicros(now + AHEAD),
    formatInstantMicros(at),
  ]);
  return rows.map(({ stripeCustomerId }) => stripeCustomerId);
}
