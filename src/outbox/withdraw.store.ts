import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PeriodKey } from '../usage/period-values.js';

const WITHDRAW = `
  WITH withdrawn AS (
    UPDATE push
       SET status = 'rejected', reason = $3, settled_by = 'withdrawal', replaced = true,
           next_attempt_at = NULL, transition_no = transition_no + 1
     WHERE tenant_id = $1 AND identifier = ANY ($2::text[]) AND status = 'pending'
    RETURNING identifier, transition_no, customer_no, meter_no, period_start
  ), noted AS (
    INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status,
                                 reason, at)
    SELECT $1, identifier, transition_no, 'pending', 'rejected', $3, $4 FROM withdrawn
  )
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart"
    FROM withdrawn`;

/**
 * Takes back pushes that were surely not executed: those of them that wait still.
 *
 * @returns Where what was taken back belongs, to be planned again where other pushes are to carry it.
 */
export async function withdrawPushes(
  tx: Transaction,
  tenantId: string,
  pushes: readonly { readonly identifier: string }[],
  { reason, at }: { readonly reason: string; readonly at: Micros },
): Promise<PeriodKey[]> {
  if (pushes.length === 0) return [];
  const identifiers = pushes.map(({ identifier }) => identifier);
  return tx.query<PeriodKey>(WITHDRAW, [tenantId, identifiers, reason, formatInstantMicros(at)]);
}
