import type { Queryable } from '../database/connections.js';
import { formatInstant, formatInstantMicros, type Micros } from '../domain/instant.js';
import { GONE_BEFORE } from '../ledger/gone-months.js';
import { Problem } from '../problem/problem.js';
import type { PeriodKey } from './period-values.js';
import type { UsageEventFilter } from './usage-event-query.js';

/**
 * To be asked after the events are read: a month that leaves in between has its checkpoint by then.
 *
 * @param found What a filter has found, a whole page or not.
 * @throws Problem `usage_event_retained` where it asks for an event that has left the ledger, and
 *   `ledger_month_missing` where some of the entries behind a statement have.
 */
export async function refuseGone(
  db: Queryable,
  tenantId: string,
  { eventKey, customerNo, period }: UsageEventFilter,
  found: readonly unknown[],
): Promise<void> {
  if (eventKey !== undefined && found.length === 0) {
    const [gone] = await db.query<{ receivedAt: Micros }>(
      `SELECT received_at AS "receivedAt" FROM usage_event_key
        WHERE tenant_id = $1 AND event_key = $2 AND received_at < ${GONE_BEFORE}`,
      [tenantId, eventKey],
    );
    if (gone !== undefined) {
      const at = formatInstant(gone.receivedAt);
      throw new Problem(
        'usage_event_retained',
        `it was received at ${at} and counted; the details of that month have left`,
      );
    }
  }
  if (period === undefined || customerNo === undefined) return;
  const { meterNo, start: periodStart } = period;
  await requirePeriodInLedger(db, tenantId, { customerNo, meterNo, periodStart });
}

/** @throws Problem `ledger_month_missing` where entries of the period have left the ledger. */
export async function requirePeriodInLedger(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo, periodStart }: PeriodKey,
): Promise<void> {
  const gone = await db.query(
    `SELECT FROM usage_checkpoint
      WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3 AND period_start = $4 LIMIT 1`,
    [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)],
  );
  if (gone.length === 0) return;
  const detail = `entries of the period from ${formatInstant(periodStart)} have left the ledger`;
  throw new Problem('ledger_month_missing', detail);
}
