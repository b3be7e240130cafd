import type { Transaction } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import { isLater } from '../ledger/event-rows.js';
import { MARKED, totalRowsOf } from '../usage/rebuilt-totals.js';
import type { OldMonth } from './retained-month.store.js';

const TOTAL = `
  customer_no, meter_no, period_start, origin_start, revision, billable, bucket, dimensions,
  quantity_sum, quantity_max, entry_count, last_quantity, last_at, last_key, digest`;
const MEMBER = `
  customer_no, meter_no, period_start, revision, billable, bucket, dimensions, unique_key`;

const NEWEST = `NOT EXISTS (SELECT FROM usage_entry newer
   WHERE newer.tenant_id = $1 AND newer.event_key = e.event_key AND newer.meter_no = e.meter_no
     AND newer.is_void = e.is_void
     AND ${isLater('newer')} AND newer.entry_no > e.entry_no)`;

/** The month's entries that count, and later voids, which tell what of them stands. */
const ENTRIES = `
  SELECT e.* FROM usage_entry e
   WHERE e.tenant_id = $1 AND e.received_at >= $2::timestamptz AND e.received_at < $3::timestamptz
     AND ${NEWEST}
   UNION ALL
  SELECT e.* FROM usage_void v
    JOIN usage_entry e ON e.tenant_id = v.tenant_id AND e.event_key = v.event_key AND e.is_void
   WHERE v.tenant_id = $1 AND e.received_at >= $3::timestamptz AND ${NEWEST}`;

const OF_MONTH = 'e.received_at < $3::timestamptz';

const TOTALS = `
  INSERT INTO usage_checkpoint (tenant_id, month, ${TOTAL})
  SELECT tenant_id, $2::timestamptz, ${TOTAL}
    FROM (${totalRowsOf(ENTRIES, OF_MONTH)}) t (tenant_id, ${TOTAL})`;

const MEMBERS = `
  INSERT INTO usage_checkpoint_member (tenant_id, month, ${MEMBER})
  SELECT DISTINCT e.tenant_id, $2::timestamptz, e.customer_no, e.meter_no, e.period_start, e.revision,
         e.billable, date_bin('15 minutes', e.occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00'),
         e.dimensions, e.unique_key
    FROM (${MARKED(ENTRIES)}) e
   WHERE e.stands AND e.unique_key IS NOT NULL AND ${OF_MONTH}`;

const COUNTS = `
  SELECT (SELECT count(*) FROM usage_event
           WHERE received_at >= $1::timestamptz AND received_at < $2::timestamptz) AS events,
         (SELECT count(*) FROM usage_entry
           WHERE received_at >= $1::timestamptz AND received_at < $2::timestamptz) AS entries`;

/** What the month's entries of one tenant come to, in each total that they are in. */
export async function writeCheckpoint(
  tx: Transaction,
  tenantId: string,
  { start, end }: OldMonth,
): Promise<void> {
  const parameters = [tenantId, formatInstantMicros(start), formatInstantMicros(end)];
  await tx.query(TOTALS, parameters);
  await tx.query(MEMBERS, parameters);
}

/** How many rows the month has, of all tenants. */
export async function countMonth(
  tx: Transaction,
  { start, end }: OldMonth,
): Promise<{ events: number; entries: number }> {
  const [counts] = await tx.query<{ events: number; entries: number }>(COUNTS, [
    formatInstantMicros(start),
    formatInstantMicros(end),
  ]);
  return counts!;
}
