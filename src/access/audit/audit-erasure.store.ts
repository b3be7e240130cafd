import type { Transaction } from '../../database/connections.js';
import { plainArray } from '../../database/plain-array.js';

/**
 * Takes the texts out of entries; who did what and when stays, and so does the chain.
 *
 * @param customerNo Of the customer whose erasure is under way: there is no other way.
 * @returns How many entries there were to take them out of.
 */
export async function eraseAuditTexts(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  sequences: readonly number[],
): Promise<number> {
  const [done] = await tx.query<{ entries: number }>(
    'SELECT erase_audit_texts($1, $2, $3::bigint[]) AS entries',
    [tenantId, customerNo, plainArray(sequences)],
  );
  return done!.entries;
}
