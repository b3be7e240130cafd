import type { Transaction } from '../../database/connections.js';

const ERASE = `
  UPDATE audit_entry
     SET subject = NULL, reason = NULL, before = NULL, after = NULL, salt = NULL
   WHERE tenant_id = $1 AND salt IS NOT NULL
     AND (subject = 'customer:' || $2
          OR jsonb_path_exists(before::jsonb, $3::jsonpath, $4::jsonb)
          OR jsonb_path_exists(after::jsonb, $3::jsonpath, $4::jsonb))
  RETURNING sequence`;

const NAMES_CUSTOMER = '$.**.customer_id ? (@ == $id)';

/**
 * Takes what entries tell of a customer out of them; who did what and when stays, and so does the
 * chain. Looks at every entry of the tenant.
 *
 * @returns How many entries.
 */
export async function eraseAuditTexts(
  tx: Transaction,
  tenantId: string,
  customerId: string,
): Promise<number> {
  const vars = JSON.stringify({ id: customerId });
  return (await tx.query(ERASE, [tenantId, customerId, NAMES_CUSTOMER, vars])).length;
}
