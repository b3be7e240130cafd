import type { Transaction } from '../database/connections.js';
import type { PlacedVoid } from '../ledger/void-placer.js';
import { addWork } from '../outbox/push-work.store.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

/**
 * Has those of the periods planned anew that Stripe was told of: what they were told is too much
 * now. Of the others the next plan tells less; amendments are planned once they are sealed.
 */
export async function followPushes(
  tx: Transaction,
  tenantId: string,
  voids: readonly PlacedVoid[],
): Promise<void> {
  const keys = voids
    .filter(({ target, kind }) => target.billable && kind !== 'amendment')
    .map(({ target: { customerNo, meterNo }, periodStart }) => ({
      customerNo,
      meterNo,
      periodStart,
    }));
  if (keys.length === 0) return;
  const told = await tx.query<PeriodKey>(
    `SELECT DISTINCT k.customer_no AS "customerNo", k.meter_no AS "meterNo",
            k.period_start AS "periodStart"
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS k (customer_no, meter_no, period_start)
      WHERE EXISTS (SELECT FROM push p
                     WHERE p.tenant_id = $1 AND p.customer_no = k.customer_no
                       AND p.meter_no = k.meter_no AND p.period_start = k.period_start)`,
    [tenantId, ...periodKeyArrays(keys)],
  );
  await addWork(tx, tenantId, told);
}
