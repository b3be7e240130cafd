import type { Transaction } from '../database/connections.js';
import { readGate } from '../database/gate.js';
import {
  periodInTimeline,
  type BillingPeriod,
  type ScheduleTimeline,
} from '../domain/billing-period.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { withdrawPushes } from '../outbox/withdraw.store.js';
import { holdFolds } from './fold.js';
import { MOVED } from './moved-entries.js';
import { requireWholeLedger } from './whole-ledger.store.js';
import { totalsOf, uniquesOf } from './rebuilt-totals.js';

/** Boundaries over more periods than this are a mistake in the schedule, not a customer's history. */
const PERIODS_MAX = 100_000;

/**
 * Moves all usage of one customer into the periods of another schedule, from the ledger: entries
 * whose period changes get a new entry each that stands in place of the one before, and the totals
 * and open periods are built anew.
 *
 * Only behind the closed gate, and only for a customer without closed periods and deliveries.
 *
 * @throws Problem `ledger_month_missing`
 */
export async function moveUsage(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  timeline: ScheduleTimeline,
  graceSeconds: number,
): Promise<void> {
  await requireWholeLedger(tx, tenantId, customerNo);
  await holdFolds(tx, tenantId);
  const [span] = await tx.query<{ first: Micros | null; last: Micros | null }>(
    `SELECT min(occurred_at) AS first, max(occurred_at) AS last
       FROM usage_entry WHERE tenant_id = $1 AND customer_no = $2`,
    [tenantId, customerNo],
  );
  if (span?.first == null || span.last == null) return;
  const gate = await readGate(tx, tenantId);
  const marks = await marksByMeter(tx, tenantId, customerNo, gate.closedThrough);
  const last = Math.max(span.last, ...marks.map((mark) => mark.closedThrough));
  const periods = periodsBetween(timeline, span.first, last);
  const parameters = [
    tenantId,
    customerNo,
    periods.map((period) => formatInstantMicros(period.start)),
    periods.map((period) => formatInstantMicros(period.end)),
  ];
  await tx.query(MOVE_ENTRIES, [
    ...parameters,
    marks.map((mark) => mark.meterNo),
    marks.map((mark) => formatInstantMicros(mark.closedThrough)),
  ]);
  for (const table of [
    'usage_total',
    'usage_delta',
    'usage_unique',
    'push_work',
    'push_hold',
    'amendment_due',
    'billing_period',
  ]) {
    await tx.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND customer_no = $2`, [
      tenantId,
      customerNo,
    ]);
  }
  await withdrawUnsent(tx, tenantId, customerNo, gate.receivedAt);
  await tx.query(totalsOf(EFFECTIVE), [tenantId, customerNo]);
  await tx.query(uniquesOf(EFFECTIVE), [tenantId, customerNo]);
  const backfilledThrough = Math.max(
    gate.clockClosedThrough,
    gate.now - graceSeconds * MICROS_PER_SECOND,
  );
  await tx.query(STORE_PERIODS, [...parameters, formatInstantMicros(backfilledThrough)]);
  await tx.query(AMEND_LATER, [tenantId, customerNo, formatInstantMicros(gate.receivedAt)]);
}

/**
 * Takes back what was planned for the periods before and has not been sent: the new periods' own
 * pushes carry it. Claims and plans share the gate, so none of them is on its way meanwhile.
 */
async function withdrawUnsent(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  at: Micros,
): Promise<void> {
  const parameters = [tenantId, customerNo];
  await tx.query(
    'UPDATE push_lane SET outdated = true WHERE tenant_id = $1 AND customer_no = $2',
    parameters,
  );
  const unsent = await tx.query<{ identifier: string }>(
    `SELECT identifier FROM push
      WHERE tenant_id = $1 AND customer_no = $2 AND status = 'pending' ORDER BY identifier`,
    parameters,
  );
  await withdrawPushes(tx, tenantId, unsent, { reason: 'schedule_changed', at });
}

/** How far commands have closed the customer's periods, by each of its meters. */
async function marksByMeter(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  closedThrough: Micros,
): Promise<{ meterNo: number; closedThrough: Micros }[]> {
  return tx.query(
    `SELECT m.meter_no AS "meterNo", greatest($3::timestamptz, max(k.closed_through)) AS "closedThrough"
       FROM meter m
       LEFT JOIN close_mark k ON k.tenant_id = m.tenant_id AND k.customer_no IN (0, $2)
             AND k.meter_no IN (0, m.meter_no)
      WHERE m.tenant_id = $1
      GROUP BY m.meter_no`,
    [tenantId, customerNo, formatInstantMicros(closedThrough)],
  );
}

function periodsBetween(timeline: ScheduleTimeline, first: Micros, last: Micros): BillingPeriod[] {
  const periods = [periodInTimeline(timeline, first)];
  while (periods.at(-1)!.end <= last) {
    periods.push(periodInTimeline(timeline, periods.at(-1)!.end));
    if (periods.length > PERIODS_MAX) throw new RangeError('too many billing periods');
  }
  return periods;
}

/** The newest entry of each event and meter, the one that counts, and the newest void of it. */
const EFFECTIVE = `
  SELECT DISTINCT ON (e.event_key, e.meter_no, e.is_void) e.*
    FROM usage_entry e WHERE e.tenant_id = $1 AND e.customer_no = $2
   ORDER BY e.event_key, e.meter_no, e.is_void, e.entry_no DESC`;

/**
 * Usage whose new period is closed already goes where late usage goes: carried into the earliest
 * unclosed period where totals add up, else the next revision of its own.
 */
const MOVE_ENTRIES = `
  WITH period AS (
    SELECT * FROM unnest($3::timestamptz[], $4::timestamptz[]) AS p (period_start, period_end)),
  mark AS (
    SELECT k.meter_no, k.closed_through, p.period_start AS open_start, s.late_usage = 'carry_forward' AS carries
      FROM unnest($5::integer[], $6::timestamptz[]) AS k (meter_no, closed_through)
     CROSS JOIN LATERAL (SELECT late_usage FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = k.meter_no ORDER BY version DESC LIMIT 1) s
      LEFT JOIN period p ON p.period_start <= k.closed_through AND p.period_end > k.closed_through),
  placed AS (
    SELECT e.*, p.period_start AS new_origin, p.period_end <= k.closed_through AND e.billable AS new_late,
           CASE WHEN e.billable AND p.period_end <= k.closed_through AND k.carries
                THEN k.open_start ELSE p.period_start END AS new_start,
           CASE WHEN e.billable AND p.period_end <= k.closed_through AND NOT k.carries
                THEN 1 ELSE 0 END AS new_revision
      FROM (${EFFECTIVE}) e
      JOIN period p ON e.occurred_at >= p.period_start AND e.occurred_at < p.period_end
      JOIN mark k ON k.meter_no = e.meter_no),${MOVED}`;

const STORE_PERIODS = `
  INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled)
  SELECT t.tenant_id, t.customer_no, t.meter_no, p.period_start, p.period_end,
         p.period_end <= $5::timestamptz
    FROM unnest($3::timestamptz[], $4::timestamptz[]) AS p (period_start, period_end)
    JOIN (SELECT DISTINCT tenant_id, customer_no, meter_no, period_start FROM usage_total
           WHERE tenant_id = $1 AND customer_no = $2 AND billable) t
      ON t.period_start = p.period_start
  RETURNING 1`;

/** What now amends a closed period is sealed by whoever does that next. */
const AMEND_LATER = `
  INSERT INTO amendment_due (tenant_id, customer_no, meter_no, period_start, due_at)
  SELECT DISTINCT tenant_id, customer_no, meter_no, period_start, $3::timestamptz
    FROM usage_total
   WHERE tenant_id = $1 AND customer_no = $2 AND revision > 0 AND billable
   ORDER BY 2, 3, 4
  RETURNING 1`;
