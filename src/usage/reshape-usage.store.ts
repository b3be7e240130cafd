import type { Transaction } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import type { BillingPeriod } from '../domain/billing-period.js';
import { isLater } from '../ledger/event-rows.js';
import { MOVED } from './moved-entries.js';
import { totalsOf, uniquesOf } from './rebuilt-totals.js';
import { IN_SCOPE, scopeParameters, type ReshapeScope } from './reshape-periods.store.js';

/** Gives entries whose period changes a new entry each, which stands in place of the one before. */
export async function moveEntries(
  tx: Transaction,
  tenantId: string,
  scope: ReshapeScope,
  periods: readonly BillingPeriod[],
): Promise<void> {
  await tx.query(MOVE_ENTRIES, [
    ...scopeParameters(tenantId, scope),
    periods.map(({ start }) => formatInstantMicros(start)),
    periods.map(({ end }) => formatInstantMicros(end)),
  ]);
}

/** Builds the totals of the scope anew, from the ledger and what left it. Folds are held. */
export async function rebuildTotals(
  tx: Transaction,
  tenantId: string,
  scope: ReshapeScope,
): Promise<void> {
  const parameters = scopeParameters(tenantId, scope);
  for (const table of ['usage_total', 'usage_delta', 'usage_unique']) {
    await tx.query(`DELETE FROM ${table} WHERE ${IN_SCOPE}`, parameters);
  }
  await tx.query(totalsOf(EFFECTIVE), parameters);
  await tx.query(uniquesOf(EFFECTIVE), parameters);
  await tx.query(PUT_BACK_TOTALS, parameters);
  await tx.query(PUT_BACK_MEMBERS, parameters);
}

const MEMBER = `
  tenant_id, customer_no, meter_no, period_start, revision, billable, bucket, dimensions, unique_key`;
const TOTAL = `
  tenant_id, customer_no, meter_no, period_start, origin_start, revision, billable, bucket, dimensions,
  quantity_sum, quantity_max, entry_count, last_quantity, last_at, last_key, digest`;

/** Deltas need not be alone in their group; the next fold adds them up. */
const PUT_BACK_TOTALS = `
  INSERT INTO usage_delta (${TOTAL}) SELECT ${TOTAL} FROM usage_checkpoint WHERE ${IN_SCOPE}`;

const PUT_BACK_MEMBERS = `
  INSERT INTO usage_unique (${MEMBER})
  SELECT ${MEMBER} FROM usage_checkpoint_member WHERE ${IN_SCOPE} ORDER BY ${MEMBER}
      ON CONFLICT DO NOTHING`;

/** The newest entry of each event, the one that counts, and the newest void of it. */
const EFFECTIVE = `
  SELECT e.* FROM usage_entry e
   WHERE e.tenant_id = $1 AND e.customer_no = $2 AND e.meter_no = $3
     AND e.period_start >= $4::timestamptz AND e.period_start <> ALL ($5::timestamptz[])
     AND NOT EXISTS (SELECT FROM usage_entry newer
           WHERE newer.tenant_id = $1 AND newer.event_key = e.event_key
             AND newer.meter_no = e.meter_no AND newer.is_void = e.is_void
             AND ${isLater('newer')} AND newer.entry_no > e.entry_no)`;

/** What was carried in from a closed period stays with the period that took it in. */
const MOVE_ENTRIES = `
  WITH period AS (
    SELECT * FROM unnest($6::timestamptz[], $7::timestamptz[]) AS p (period_start, period_end)),
  placed AS (
    SELECT e.*, p.period_start AS new_start,
           CASE WHEN e.origin_start = e.period_start THEN p.period_start ELSE e.origin_start END
             AS new_origin, e.revision AS new_revision, e.late AS new_late
      FROM (${EFFECTIVE}) e
      JOIN period p
        ON CASE WHEN e.origin_start = e.period_start THEN e.occurred_at ELSE e.period_start END
             >= p.period_start
       AND CASE WHEN e.origin_start = e.period_start THEN e.occurred_at ELSE e.period_start END
             < p.period_end),${MOVED}`;
