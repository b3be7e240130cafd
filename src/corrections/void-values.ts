import type { Transaction } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import type { PlacedVoid } from '../ledger/void-placer.js';
import { valueThrough } from '../usage/amended-value.js';
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
    const [period] = await tx.query<{ carriedLast: string | null }>(
      `SELECT trim_scale(carried_last)::text AS "carriedLast" FROM billing_period
        WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3
          AND period_start = $4::timestamptz`,
      [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)],
    );
    const carriedLast = period?.carriedLast ?? null;
    const key = { customerNo, meterNo, aggregation, periodStart, carriedLast };
    values.push(
      kind === 'amendment'
        ? await valueThrough(tx, tenantId, key, revision)
        : (await statementValues(tx, tenantId, [key]))[0]!.value,
    );
  }
  return values;
}
