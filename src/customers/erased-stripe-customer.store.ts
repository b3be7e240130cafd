import { randomBytes } from 'node:crypto';
import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

const KEY_BYTES = 32;

const FORGET = `
  DELETE FROM erased_stripe_customer WHERE tenant_id = $1 AND until <= $2::timestamptz`;

const KEEP = `
  INSERT INTO erased_stripe_customer AS e (tenant_id, hash, hash_key, until)
  SELECT $1::uuid, sha256(o.hash_key || convert_to(p.stripe_customer_id, 'UTF8')), o.hash_key,
         max(p."timestamp") + interval '35 days'
    FROM push p
   CROSS JOIN (SELECT coalesce((SELECT hash_key FROM erased_stripe_customer
                                 WHERE tenant_id = $1 LIMIT 1), $5::bytea) AS hash_key) o
   WHERE p.tenant_id = $1 AND p.customer_no = $2 AND p.stripe_customer_id = ANY ($3::text[])
     AND p.status IN ('delivered', 'confirmed')
     AND p."timestamp" > $4::timestamptz - interval '35 days'
   GROUP BY p.stripe_customer_id, o.hash_key
  ON CONFLICT (tenant_id, hash) DO UPDATE SET until = greatest(e.until, excluded.until)`;

const FIND = `
  SELECT k.id, e.until
    FROM unnest($2::text[]) AS k (id)
   CROSS JOIN (SELECT DISTINCT hash_key FROM erased_stripe_customer WHERE tenant_id = $1) o
    JOIN erased_stripe_customer e
      ON e.tenant_id = $1 AND e.hash = sha256(o.hash_key || convert_to(k.id, 'UTF8'))
   WHERE e.until > $3::timestamptz`;

/**
 * Keeps which Stripe customers an erased customer was pushed to. Nobody sees any more which of their
 * minutes are used, so no other customer may be pushed there until Stripe takes nothing at those.
 *
 * Behind the closed gate, so that a tenant has one key.
 *
 * @param now The tenant's.
 */
export async function keepErasedStripeCustomers(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  stripeCustomerIds: readonly string[],
  now: Micros,
): Promise<void> {
  const at = formatInstantMicros(now);
  await tx.query(FORGET, [tenantId, at]);
  const key = randomBytes(KEY_BYTES);
  await tx.query(KEEP, [tenantId, customerNo, stripeCustomerIds, at, key]);
}

/** Those of the Stripe customers that may not be mapped yet, and until when. */
export async function erasedStripeCustomers(
  db: Queryable,
  tenantId: string,
  stripeCustomerIds: readonly string[],
  now: Micros,
): Promise<Map<string, Micros>> {
  if (stripeCustomerIds.length === 0) return new Map();
  const rows = await db.query<{ id: string; until: Micros }>(FIND, [
    tenantId,
    stripeCustomerIds,
    formatInstantMicros(now),
  ]);
  return new Map(rows.map(({ id, until }) => [id, until]));
}
