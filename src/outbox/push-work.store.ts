import type { Transaction } from '../database/connections.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

/** What goes before the rest does so still. */
const OR_STAYS = `ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
     SET closed = push_work.closed OR excluded.closed`;

const ADD = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT DISTINCT $1::uuid, k.customer_no, k.meter_no, k.period_start, false
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   ORDER BY k.customer_no, k.meter_no, k.period_start
  ${OR_STAYS}`;

const ADD_OF_PUSHES = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT DISTINCT $1::uuid, p.customer_no, p.meter_no, p.period_start, $3::boolean
    FROM push p WHERE p.tenant_id = $1 AND p.identifier = ANY ($2::text[])
   ORDER BY 2, 3, 4
  ${OR_STAYS}`;

/**
 * Has periods planned anew. A row that is there already is locked until this transaction ends, so
 * that no planner takes it who does not see yet what this transaction changes.
 *
 * Before any of their pushes is changed or locked: a planner has its row here first, too. The other
 * way round each waits for the other, who settles an answer and who plans the close of its period.
 */
export async function addWork(
  tx: Transaction,
  tenantId: string,
  keys: readonly PeriodKey[],
): Promise<void> {
  if (keys.length > 0) await tx.query(ADD, [tenantId, ...periodKeyArrays(keys)]);
}

/** The same for the periods of pushes. @param closed Whether they go before what is planned between times. */
export async function addWorkOfPushes(
  tx: Transaction,
  tenantId: string,
  identifiers: readonly string[],
  closed: boolean,
): Promise<void> {
  if (identifiers.length > 0) await tx.query(ADD_OF_PUSHES, [tenantId, identifiers, closed]);
}
