import type { Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { formatInstantMicros, quarterHour, type Micros } from '../domain/instant.js';
import { isLater } from '../ledger/event-rows.js';
import { totalsOf, uniquesOf } from './rebuilt-totals.js';

/** Names one total: usage of one quarter hour and group of dimensions, where it is billed. */
export interface UsageGroup {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly originStart: Micros;
  readonly revision: number;
  readonly billable: boolean;
  /** Of any usage in it. */
  readonly occurredAt: Micros;
  readonly dimensions: string;
}

/**
 * Builds totals anew from the ledger: after a void, nothing but the ledger tells what the largest,
 * the last or the distinct values are.
 *
 * Only behind the closed gate, with folds held since before anything was read.
 */
export async function recountGroups(
  tx: Transaction,
  tenantId: string,
  groups: readonly UsageGroup[],
): Promise<void> {
  if (groups.length === 0) return;
  const parameters = [
    tenantId,
    plainArray(groups.map(({ customerNo }) => customerNo)),
    plainArray(groups.map(({ meterNo }) => meterNo)),
    plainArray(groups.map(({ periodStart }) => formatInstantMicros(periodStart))),
    plainArray(groups.map(({ originStart }) => formatInstantMicros(originStart))),
    plainArray(groups.map(({ revision }) => revision)),
    plainArray(groups.map(({ billable }) => billable)),
    plainArray(groups.map(({ occurredAt }) => formatInstantMicros(quarterHour(occurredAt)))),
    groups.map(({ dimensions }) => dimensions),
  ];
  for (const table of ['usage_total', 'usage_delta']) {
    await tx.query(`DELETE FROM ${table} u USING ${GROUPS} WHERE ${SAME_GROUP}`, parameters);
  }
  await tx.query(`DELETE FROM usage_unique u USING ${GROUPS} WHERE ${SAME_SET}`, parameters);
  await tx.query(totalsOf(entriesOf(SAME_GROUP)), parameters);
  await tx.query(uniquesOf(entriesOf(SAME_SET)), parameters);
}

const GROUPS = `(
  SELECT DISTINCT *
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::integer[],
                $7::boolean[], $8::timestamptz[], $9::text[])
           AS g (customer_no, meter_no, period_start, origin_start, revision, billable, bucket,
                 dimensions)) g`;

/** Sets do not tell usage that was carried in from the period's own. */
const SAME_SET = `
  u.tenant_id = $1 AND u.customer_no = g.customer_no AND u.meter_no = g.meter_no
  AND u.period_start = g.period_start AND u.revision = g.revision AND u.billable = g.billable
  AND u.bucket = g.bucket AND u.dimensions = g.dimensions`;

const SAME_GROUP = `${SAME_SET} AND u.origin_start = g.origin_start`;

function entriesOf(isSame: string): string {
  return `
  SELECT u.* FROM (
    SELECT e.*, date_bin('15 minutes', e.occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket
      FROM usage_entry e WHERE e.tenant_id = $1) u
   WHERE EXISTS (SELECT FROM ${GROUPS} WHERE ${isSame})
     AND NOT EXISTS (SELECT FROM usage_entry newer
           WHERE newer.tenant_id = $1 AND newer.event_key = u.event_key
             AND newer.meter_no = u.meter_no AND newer.is_void = u.is_void
             AND ${isLater('newer')} AND newer.entry_no > u.entry_no)`;
}
