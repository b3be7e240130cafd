import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import type { StripeCustomer } from './subscription-reading.store.js';

/** For how long a Stripe customer is left to whoever reads its invoices. */
const CLAIM_MICROS = 10 * MICROS_PER_MINUTE;

type AccountOf = Pick<StripeCustomer, 'accountId' | 'livemode'>;

/** Has the invoices of Stripe customers looked up by `at`, of the tenant's clock. */
export async function wakeInvoices(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: AccountOf,
  stripeCustomerIds: readonly string[],
  at: Micros,
): Promise<void> {
  await db.query(
    `INSERT INTO subscription_reading AS r (tenant_id, account_id, livemode, stripe_customer_id,
            next_invoices_at)
     SELECT DISTINCT $1::uuid, $2, $3::boolean, c.id, $5::timestamptz
       FROM unnest($4::text[]) AS c (id) ORDER BY 4
     ON CONFLICT (tenant_id, account_id, livemode, stripe_customer_id) DO UPDATE
        SET next_invoices_at = least(r.next_invoices_at, excluded.next_invoices_at)`,
    [tenantId, accountId, livemode, stripeCustomerIds, formatInstantMicros(at)],
  );
}

/** Takes the Stripe customer whose invoices are the longest due; nothing where none are. */
export async function claimInvoices(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: AccountOf,
  now: Micros,
): Promise<string | undefined> {
  const [row] = await db.query<{ stripeCustomerId: string }>(
    `WITH due AS (
       SELECT stripe_customer_id FROM subscription_reading
        WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3
          AND next_invoices_at <= $4::timestamptz
        ORDER BY next_invoices_at LIMIT 1 FOR UPDATE SKIP LOCKED),
     claimed AS (
       UPDATE subscription_reading r SET next_invoices_at = $5::timestamptz FROM due d
        WHERE r.tenant_id = $1 AND r.account_id = $2 AND r.livemode = $3
          AND r.stripe_customer_id = d.stripe_customer_id
       RETURNING r.stripe_customer_id)
     SELECT stripe_customer_id AS "stripeCustomerId" FROM claimed`,
    [
      tenantId,
      accountId,
      livemode,
      formatInstantMicros(now),
      formatInstantMicros(now + CLAIM_MICROS),
    ],
  );
  return row?.stripeCustomerId;
}

/**
 * Ends what `claimInvoices` began at `now`. Whatever asked for another look meanwhile gets it.
 *
 * @param readAt The tenant's now when the invoices were begun to be read; null where they were not.
 * @param nextAt When to look again; null where there is nothing to look for.
 */
export async function endInvoices(
  db: Queryable,
  tenantId: string,
  { accountId, livemode, stripeCustomerId }: StripeCustomer,
  { now, readAt, nextAt }: { now: Micros; readAt: Micros | null; nextAt: Micros | null },
): Promise<void> {
  await db.query(
    `UPDATE subscription_reading
        SET invoices_read_at = greatest(invoices_read_at, $5::timestamptz),
            next_invoices_at = CASE WHEN next_invoices_at = $7::timestamptz THEN $6::timestamptz
                                    ELSE least(next_invoices_at, $6::timestamptz) END
      WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND stripe_customer_id = $4`,
    [
      tenantId,
      accountId,
      livemode,
      stripeCustomerId,
      readAt === null ? null : formatInstantMicros(readAt),
      nextAt === null ? null : formatInstantMicros(nextAt),
      formatInstantMicros(now + CLAIM_MICROS),
    ],
  );
}
