import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { CloseScope } from '../ledger/close-request.store.js';

export interface PeriodClose extends CloseScope {
  readonly id: string;
  readonly due: number;
  readonly closed: number;
  readonly alreadyClosed: number;
  /** Periods handed to the push stage. */
  readonly pushes: number;
  /** The one instant of all its periods. */
  readonly closedAt: Micros;
  readonly finishedAt: Micros | null;
}

export async function addProgress(
  tx: Transaction,
  tenantId: string,
  id: string,
  closed: number,
  pushes: number,
): Promise<void> {
  await tx.query(
    `UPDATE period_close SET closed = closed + $3, pushes = pushes + $4
      WHERE tenant_id = $1 AND period_close_id = $2`,
    [tenantId, id, closed, pushes],
  );
}

export async function finishClose(
  db: Queryable,
  tenantId: string,
  id: string,
  at: Micros,
): Promise<void> {
  await db.query(
    `UPDATE period_close SET finished_at = $3::timestamptz
      WHERE tenant_id = $1 AND period_close_id = $2 AND finished_at IS NULL`,
    [tenantId, id, formatInstantMicros(at)],
  );
}

const CLOSE_COLUMNS = `
  period_close_id AS id, as_of AS "asOf", customer_no AS "customerNo", meter_no AS "meterNo",
  by_clock AS "byClock", due, closed, already_closed AS "alreadyClosed", pushes,
  closed_at AS "closedAt", finished_at AS "finishedAt"`;

export async function closeById(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<PeriodClose | undefined> {
  const [close] = await db.query<PeriodClose>(
    `SELECT ${CLOSE_COLUMNS} FROM period_close WHERE tenant_id = $1 AND period_close_id = $2`,
    [tenantId, id],
  );
  return close;
}

/** Closes that nobody finished: of this process at work, or of one that died. */
export async function unfinishedCloses(db: Queryable, tenantId: string): Promise<PeriodClose[]> {
  return db.query<PeriodClose>(
    `SELECT ${CLOSE_COLUMNS} FROM period_close
      WHERE tenant_id = $1 AND finished_at IS NULL ORDER BY closed_at`,
    [tenantId],
  );
}
