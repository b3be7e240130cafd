import type { Transaction } from '../database/connections.js';
import { SEALED_BEFORE } from '../ledger/gone-months.js';
import { Problem } from '../problem/problem.js';
import { IN_SCOPE, scopeParameters, type ReshapeScope } from './reshape-periods.store.js';

/**
 * Only behind the closed gate.
 *
 * @throws Problem `ledger_month_missing` where usage of the customer has left the ledger.
 */
export async function requireWholeLedger(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
): Promise<void> {
  const gone = await tx.query(
    `SELECT FROM usage_checkpoint WHERE tenant_id = $1 AND customer_no = $2
      UNION ALL
     SELECT FROM usage_entry
      WHERE tenant_id = $1 AND customer_no = $2 AND received_at < ${SEALED_BEFORE} LIMIT 1`,
    [tenantId, customerNo],
  );
  if (gone.length === 0) return;
  const detail = 'usage of the customer has left the ledger, and cannot be moved to other periods';
  throw new Problem('ledger_month_missing', detail);
}

/**
 * What has left already is put back as it is; what is about to leave must not be moved meanwhile.
 *
 * @throws Problem `ledger_month_missing` until it has left.
 */
export async function refuseWhileLeaving(
  tx: Transaction,
  tenantId: string,
  scope: ReshapeScope,
): Promise<void> {
  const leaving = await tx.query(
    `SELECT FROM usage_entry WHERE ${IN_SCOPE} AND received_at < ${SEALED_BEFORE} LIMIT 1`,
    scopeParameters(tenantId, scope),
  );
  if (leaving.length === 0) return;
  const detail = 'a month is leaving the ledger just now; its usage cannot be moved until it has';
  throw new Problem('ledger_month_missing', detail);
}
