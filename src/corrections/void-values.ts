import type { Transaction } from '../database/connections.js';
import type { PlacedVoid } from '../ledger/void-placer.js';
import { valueThrough } from '../usage/amended-value.js';
import { carriedValues } from '../usage/carried-last.js';
import { statementValues } from '../usage/statement-values.js';

/** What the periods that voids go into come to now, open or with their amendments. */
export async function valuesAfter(
  tx: Transaction,
  tenantId: string,
  voids: readonly PlacedVoid[],
): Promise<string[]> {
  const values: string[] = [];
  for (const { target, kind, periodStart, revision } of voids) {
    const { customerNo, meterNo, aggregation } = target;
    const [carriedLast] = await carriedValues(tx, tenantId, [{ customerNo, meterNo, periodStart }]);
    const key = {
      customerNo,
      meterNo,
      aggregation,
      periodStart,
      carriedLast: carriedLast ?? null,
    };
    values.push(
      kind === 'amendment'
        ? await valueThrough(tx, tenantId, key, revision)
        : (await statementValues(tx, tenantId, [key]))[0]!.value,
    );
  }
  return values;
}
