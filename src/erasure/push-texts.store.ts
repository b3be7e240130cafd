import type { Transaction } from '../database/connections.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { patternOf } from './sought-texts.js';

const PUSHES_MAX = 500;

const NEXT = `
  SELECT identifier FROM push
   WHERE tenant_id = $1 AND customer_no = $2 AND ($3::text IS NULL OR identifier > $3)
   ORDER BY identifier LIMIT $4`;

/**
 * Different Stripe customers stay different, so that pushes keep their minutes and lanes. What is
 * another customer's by now stays its own: what it is still sent must lie beside what it was sent.
 */
const PUSHES = `
  UPDATE push
     SET stripe_customer_id = CASE WHEN stripe_customer_id = ANY ($4::text[])
                                   THEN erased_text(stripe_customer_id, $3)
                                   ELSE stripe_customer_id END,
         reason = CASE WHEN reason ~ '^[a-z0-9_]+$' THEN reason
                       WHEN reason IS NOT NULL THEN '[erased]' END,
         last_error = CASE WHEN last_error IS NOT NULL THEN '[erased]' END
   WHERE tenant_id = $1 AND identifier = ANY ($2::text[])
  RETURNING 1`;

const READINGS = 'DELETE FROM push_reading WHERE tenant_id = $1 AND identifier = ANY ($2::text[])';

/** What is left where no push is: once, as they are few. */
const REST = [
  `UPDATE push_lane SET stripe_customer_id = erased_text(stripe_customer_id, $3)
    WHERE tenant_id = $1 AND customer_no = $2 AND stripe_customer_id = ANY ($4::text[])
   RETURNING 1`,
  `UPDATE push_hold SET detail = NULL
    WHERE tenant_id = $1 AND customer_no = $2 AND detail IS NOT NULL
      AND $3::bytea IS NOT NULL AND $4::text[] IS NOT NULL
   RETURNING 1`,
  `UPDATE reconciliation_lane r
      SET why = CASE WHEN r.why ~ '^[a-z0-9_]+$' THEN r.why
                     WHEN r.why IS NOT NULL THEN '[erased]' END,
          invoice = NULL
     FROM push_lane l
    WHERE l.tenant_id = $1 AND l.customer_no = $2
      AND $3::bytea IS NOT NULL AND $4::text[] IS NOT NULL
      AND r.tenant_id = $1 AND r.lane_id = l.lane_id
      AND (r.invoice IS NOT NULL OR r.why IS NOT NULL)
   RETURNING 1`,
];

const FINDINGS = `
  UPDATE reconciliation_lane
     SET differences = '[]'
   WHERE tenant_id = $1 AND differences::text ~ $2
  RETURNING 1`;

const REPAIRS = `
  UPDATE reconciliation SET repair = '{}'
   WHERE tenant_id = $1 AND repair::text ~ $2
  RETURNING 1`;

/** Pushes and their lanes keep values, times and identifiers, which are hashes. */
export async function erasePushes(
  tx: Transaction,
  tenantId: string,
  { customerNo, position, hashKey, sought }: RunningErasure,
): Promise<Done> {
  const pushes = await tx.query<{ identifier: string }>(NEXT, [
    tenantId,
    customerNo,
    position?.[0] ?? null,
    PUSHES_MAX,
  ]);
  const identifiers = pushes.map(({ identifier }) => identifier);
  const last = identifiers.at(-1);
  if (last !== undefined) {
    await tx.query(READINGS, [tenantId, identifiers]);
    await tx.query('SELECT erase_push_reasons($1, $2, $3::text[])', [
      tenantId,
      customerNo,
      identifiers,
    ]);
    const rows = await tx.query(PUSHES, [tenantId, identifiers, hashKey, sought.stripeCustomerIds]);
    return { otherRows: rows.length, position: [last] };
  }
  let otherRows = 0;
  for (const statement of REST) {
    otherRows += (
      await tx.query(statement, [tenantId, customerNo, hashKey, sought.stripeCustomerIds])
    ).length;
  }
  const pattern = patternOf(sought.texts);
  for (const statement of [FINDINGS, REPAIRS]) {
    otherRows += (await tx.query(statement, [tenantId, pattern])).length;
  }
  return { otherRows };
}
