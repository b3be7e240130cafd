import type { CustomerRecord } from '../customers/customer-record.store.js';
import type { Transaction } from '../database/connections.js';
import { ERASED_STRIPE_ID } from '../outbox/erased-place.js';
import type { SoughtTexts } from './sought-texts.js';

/** All that the customer is or was called by, as far as nobody else is called so now. */
export async function textsOf(
  tx: Transaction,
  tenantId: string,
  customer: CustomerRecord,
): Promise<SoughtTexts> {
  const { customerNo, customerId, aliases, name, stripeCustomerId } = customer;
  const told = await toldByAudit(tx, tenantId, [customerId, ...aliases]);
  const lanes = await tx.query<{ id: string }>(
    `SELECT DISTINCT stripe_customer_id AS id FROM push_lane
      WHERE tenant_id = $1 AND customer_no = $2 AND stripe_customer_id !~ ${ERASED_STRIPE_ID}`,
    [tenantId, customerNo],
  );
  const identities = [customerId, ...aliases, ...told.identities];
  const stripeIds = [stripeCustomerId, ...told.stripeCustomerIds, ...lanes.map(({ id }) => id)];
  const [others] = await tx.query<{ identities: string[]; stripeIds: string[] }>(OTHERS, [
    tenantId,
    customerNo,
    identities,
    stripeIds,
  ]);
  const customerIds = own(identities, others!.identities);
  const stripeCustomerIds = own(stripeIds, others!.stripeIds);
  const texts = own([...customerIds, ...stripeCustomerIds, name, ...told.names], []);
  return { texts, customerIds, stripeCustomerIds };
}

function own(texts: readonly (string | null)[], others: readonly string[]): string[] {
  const given = texts.filter((text) => text !== null && text !== '' && !others.includes(text));
  return [...new Set(given as string[])];
}

/** What it was called before, too. */
async function toldByAudit(
  tx: Transaction,
  tenantId: string,
  identities: readonly string[],
): Promise<{ identities: string[]; names: string[]; stripeCustomerIds: string[] }> {
  const rows = await tx.query<{ told: Told }>(TOLD, [
    tenantId,
    identities.map((identity) => `customer:${identity}`),
  ]);
  const told = rows.map((row) => row.told);
  return {
    identities: told.flatMap((each) => [...texts(each.aliases), ...texts(each.customer_id)]),
    names: told.flatMap((each) => texts(each.name)),
    stripeCustomerIds: told.flatMap((each) => texts(each.stripe_customer_id)),
  };
}

interface Told {
  readonly customer_id?: unknown;
  readonly aliases?: unknown;
  readonly name?: unknown;
  readonly stripe_customer_id?: unknown;
}

function texts(value: unknown): string[] {
  return [value].flat().filter((each) => typeof each === 'string');
}

const TOLD = `
  SELECT DISTINCT t.told::jsonb AS told
    FROM audit_entry a CROSS JOIN LATERAL (VALUES (a.before), (a.after)) AS t (told)
   WHERE a.tenant_id = $1 AND a.subject = ANY ($2::text[]) AND t.told IS NOT NULL
     AND json_typeof(t.told) = 'object'`;

const OTHERS = `
  SELECT ARRAY(SELECT i.identity FROM customer_identity i
                WHERE i.tenant_id = $1 AND i.identity = ANY ($3::text[])
                  AND i.customer_no <> $2) AS identities,
         ARRAY(SELECT c.stripe_customer_id FROM customer c
                WHERE c.tenant_id = $1 AND c.stripe_customer_id = ANY ($4::text[])
                  AND c.customer_no <> $2) AS "stripeIds"`;

/** The customer goes by the pseudonym alone; its number, schedule and usage stay. Behind the gate. */
export async function renameCustomer(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  pseudonym: string,
): Promise<void> {
  await tx.query(`DELETE FROM customer_identity WHERE tenant_id = $1 AND customer_no = $2`, [
    tenantId,
    customerNo,
  ]);
  await tx.query(
    `UPDATE customer
        SET customer_id = $3, name = NULL, stripe_customer_id = NULL, mapping_from = NULL
      WHERE tenant_id = $1 AND customer_no = $2`,
    [tenantId, customerNo, pseudonym],
  );
  await tx.query(
    `INSERT INTO customer_identity (tenant_id, identity, customer_no) VALUES ($1, $3, $2)`,
    [tenantId, customerNo, pseudonym],
  );
}
