import type { Queryable } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, MICROS_PER_MINUTE } from '../domain/instant.js';
import type { InvoicedUsage } from './invoice.store.js';

/** Our clock and Stripe's may differ so much, and rounds come so far apart. */
const AHEAD = MICROS_PER_MINUTE / 2;
const POSTPONED_BY = 2 * MICROS_PER_MINUTE;
/** Pushes that come due within this are put off: the next round comes before it is over. */
const DUE_WITHIN = MICROS_PER_MINUTE;

/**
 * Puts off what waits of periods whose invoice may be final by now, until Stripe was asked for it:
 * what is sent after that would look delivered, and be billed by nobody. An unknown one may go: sent
 * again it changes nothing.
 *
 * @param times The tenant's now, and the database's time of day.
 */
export async function holdUnread(
  db: Queryable,
  tenantId: string,
  { now, receivedAt: at }: Pick<GateState, 'now' | 'receivedAt'>,
): Promise<void> {
  await db.query(PUT_OFF, [
    tenantId,
    formatInstantMicros(now + AHEAD),
    formatInstantMicros(at + DUE_WITHIN),
    formatInstantMicros(at + POSTPONED_BY),
  ]);
}

/** The Stripe customers whose invoices want looking up, for what was put off or is held. */
export async function unreadCustomers(
  db: Queryable,
  tenantId: string,
  { now, receivedAt: at }: Pick<GateState, 'now' | 'receivedAt'>,
): Promise<string[]> {
  const rows = await db.query<{ stripeCustomerId: string }>(UNREAD_CUSTOMERS, [
    tenantId,
    formatInstantMicros(now + AHEAD),
    formatInstantMicros(at + POSTPONED_BY),
  ]);
  return rows.map(({ stripeCustomerId }) => stripeCustomerId);
}

/** Lets what was put off of periods go at once; of those that are billed by now the planner disposes. */
export async function releaseRead(
  db: Queryable,
  tenantId: string,
  periods: readonly InvoicedUsage[],
): Promise<void> {
  const at = await timeOfDay(db);
  await db.query(
    `UPDATE push w SET next_attempt_at = $5::timestamptz
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS p (customer_no, meter_no, period_start)
      WHERE w.tenant_id = $1 AND w.customer_no = p.customer_no AND w.meter_no = p.meter_no
        AND w.period_start = p.period_start AND w.status = 'pending'
        AND w.next_attempt_at > $5::timestamptz AND w.next_attempt_at <= $6::timestamptz`,
    [
      tenantId,
      periods.map(({ customerNo }) => customerNo),
      periods.map(({ meterNo }) => meterNo),
      periods.map(({ start }) => formatInstantMicros(start)),
      formatInstantMicros(at),
      formatInstantMicros(at + POSTPONED_BY),
    ],
  );
}

/** Pushes of periods whose invoice may be final, and was not looked up since. */
const UNREAD = `
  w.tenant_id = $1 AND w.status = 'pending' AND w.finalizes_at <= $2::timestamptz
  AND w.next_attempt_at <= $3::timestamptz
  AND EXISTS (SELECT FROM billing_period p
               WHERE p.tenant_id = $1 AND p.customer_no = w.customer_no AND p.meter_no = w.meter_no
                 AND p.period_start = w.period_start AND p.of_item)
  AND NOT EXISTS (SELECT FROM subscription_reading r
               WHERE r.tenant_id = $1 AND r.stripe_customer_id = w.stripe_customer_id
                 AND r.invoices_read_at >= w.finalizes_at)`;

const PUT_OFF = `UPDATE push w SET next_attempt_at = $4::timestamptz WHERE ${UNREAD}`;

const UNREAD_CUSTOMERS = `
  SELECT w.stripe_customer_id AS "stripeCustomerId" FROM push w WHERE ${UNREAD}
   UNION
  SELECT c.stripe_customer_id FROM push_hold h
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = h.customer_no
   WHERE h.tenant_id = $1 AND h.reason = 'invoice_not_read' AND c.stripe_customer_id IS NOT NULL`;
