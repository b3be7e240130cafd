import { randomUUID } from 'node:crypto';
import type { Queryable, Transaction } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/** Which periods a close is about; 0 stands for every customer or every meter. */
export interface CloseScope {
  readonly asOf: Micros;
  readonly customerNo: number;
  readonly meterNo: number;
  /** The own clock's closes leave backfilled periods to a command, and items' to what Stripe says. */
  readonly byClock: boolean;
}

export const CLOSE_SCOPE = `
  tenant_id = $1 AND period_end <= $2::timestamptz
  AND ($3::bigint = 0 OR customer_no = $3) AND ($4::integer = 0 OR meter_no = $4)
  AND (NOT $5::boolean OR (NOT backfilled AND NOT of_item))`;

export function closeScopeParameters(tenantId: string, scope: CloseScope): unknown[] {
  return [
    tenantId,
    formatInstantMicros(scope.asOf),
    scope.customerNo,
    scope.meterNo,
    scope.byClock,
  ];
}

/** Raises how far periods are closed. Marks never fall. Only behind the closed gate. */
async function raiseMark(tx: Transaction, tenantId: string, scope: CloseScope): Promise<void> {
  const asOf = formatInstantMicros(scope.asOf);
  if (scope.byClock) {
    await tx.query(
      `UPDATE tenant SET clock_closed_through = greatest(clock_closed_through, $2::timestamptz)
        WHERE tenant_id = $1`,
      [tenantId, asOf],
    );
  } else if (scope.customerNo === 0 && scope.meterNo === 0) {
    await tx.query(
      `UPDATE tenant SET closed_through = greatest(closed_through, $2::timestamptz)
        WHERE tenant_id = $1`,
      [tenantId, asOf],
    );
  } else {
    await tx.query(
      `INSERT INTO close_mark AS m (tenant_id, customer_no, meter_no, closed_through)
       VALUES ($1, $2, $3, $4::timestamptz)
           ON CONFLICT ON CONSTRAINT close_mark_pkey DO UPDATE
          SET closed_through = greatest(m.closed_through, excluded.closed_through)`,
      [tenantId, scope.customerNo, scope.meterNo, asOf],
    );
  }
}

export async function countDue(
  db: Queryable,
  tenantId: string,
  scope: CloseScope,
): Promise<{ due: number; alreadyClosed: number }> {
  const [counts] = await db.query<{ due: number; alreadyClosed: number }>(
    `SELECT count(*) FILTER (WHERE closed_at IS NULL) AS due,
            count(*) FILTER (WHERE closed_at IS NOT NULL) AS "alreadyClosed"
       FROM billing_period WHERE ${CLOSE_SCOPE}`,
    closeScopeParameters(tenantId, scope),
  );
  return counts ?? { due: 0, alreadyClosed: 0 };
}

/**
 * Closes the periods of a scope: from the commit on, recorders see them closed. Their statements
 * are written by whoever finds the close unfinished. Only behind the closed gate.
 *
 * @param counts What there was to close, for the record.
 * @returns The close's id.
 */
export async function requestClose(
  tx: Transaction,
  tenantId: string,
  scope: CloseScope,
  counts: { due: number; alreadyClosed: number },
  gate: GateState,
): Promise<string> {
  const id = randomUUID();
  await raiseMark(tx, tenantId, scope);
  await insertClose(tx, tenantId, id, scope, counts, gate);
  return id;
}

async function insertClose(
  tx: Transaction,
  tenantId: string,
  id: string,
  scope: CloseScope,
  counts: { due: number; alreadyClosed: number },
  gate: GateState,
): Promise<void> {
  await tx.query(
    `INSERT INTO period_close (tenant_id, period_close_id, as_of, customer_no, meter_no, by_clock,
            due, already_closed, gate_version, closed_at)
     VALUES ($1, $2, $3::timestamptz, $4, $5, $6, $7, $8, $9, $10::timestamptz)`,
    [
      tenantId,
      id,
      formatInstantMicros(scope.asOf),
      scope.customerNo,
      scope.meterNo,
      scope.byClock,
      counts.due,
      counts.alreadyClosed,
      gate.gateVersion,
      formatInstantMicros(gate.now),
    ],
  );
}
