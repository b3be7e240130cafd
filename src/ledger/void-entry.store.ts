import type { Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { entryDigest } from '../domain/entry-digest.js';
import { formatInstantMicros, quarterHour, type Micros } from '../domain/instant.js';
import { dueAt } from './amendment-due.js';
import type { PlacedVoid } from './void-placer.js';

/** Whether the void stands where its entry does, so that the totals of both are the same. */
export function isInPlace({ target, periodStart, revision }: PlacedVoid): boolean {
  return target.periodStart === periodStart && target.revision === revision;
}

/**
 * Writes the ledger entries that take entries out again, and the deltas of the totals: what counts
 * in them goes down by the entry. What was the largest or the last is not found out here.
 *
 * That no event is voided twice is kept by the record of its void, written in the same transaction.
 */
export async function insertVoids(
  tx: Transaction,
  tenantId: string,
  voids: readonly PlacedVoid[],
  at: Micros,
): Promise<void> {
  if (voids.length === 0) return;
  const [inserted] = await tx.query<{ entries: number }>(INSERT_VOIDS, [
    tenantId,
    formatInstantMicros(at),
    plainArray(voids.map(({ target }) => target.eventKey)),
    plainArray(voids.map(({ target }) => target.meterNo)),
    plainArray(voids.map(({ target }) => target.customerNo)),
    plainArray(voids.map(({ target }) => target.quantity)),
    plainArray(voids.map(({ target }) => formatInstantMicros(target.occurredAt))),
    plainArray(voids.map(({ periodStart }) => formatInstantMicros(periodStart))),
    plainArray(voids.map(({ originStart }) => formatInstantMicros(originStart))),
    plainArray(voids.map(({ revision }) => revision)),
    plainArray(voids.map(({ kind }) => kind !== 'open')),
    plainArray(voids.map(({ target }) => target.billable)),
    plainArray(voids.map(({ target }) => target.settingsVersion)),
    voids.map(({ target }) => target.dimensions),
    plainArray(voids.map(({ target }) => target.uniqueKey)),
    plainArray(voids.map(({ target }) => formatInstantMicros(quarterHour(target.occurredAt)))),
    plainArray(voids.map((each) => digestOf(each).toString())),
  ]);
  if (inserted?.entries !== voids.length) {
    throw new Error(`asked for ${voids.length} voids, got ${JSON.stringify(inserted)}`);
  }
}

function digestOf({ target, periodStart }: PlacedVoid): bigint {
  return entryDigest(target.eventKey, target.meter, periodStart, target.quantity, true);
}

const INSERT_VOIDS = `
  WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest($3::uuid[], $4::integer[], $5::bigint[], $6::numeric[], $7::timestamptz[],
                  $8::timestamptz[], $9::timestamptz[], $10::integer[], $11::boolean[],
                  $12::boolean[], $13::integer[], $14::text[], $15::uuid[], $16::timestamptz[],
                  $17::numeric[])
        AS i (event_key, meter_no, customer_no, quantity, occurred_at, period_start, origin_start,
              revision, late, billable, settings_version, dimensions, unique_key, bucket, digest)),
  entry AS (
    INSERT INTO usage_entry (tenant_id, event_key, meter_no, is_void, entry_no, customer_no, kind,
           quantity, occurred_at, received_at, period_start, origin_start, revision, late, billable,
           settings_version, dimensions, unique_key)
    SELECT $1, event_key, meter_no, true, 0, customer_no, 'void', quantity, occurred_at,
           $2::timestamptz, period_start, origin_start, revision, late, billable, settings_version,
           dimensions, unique_key
      FROM input ORDER BY event_key, meter_no
    RETURNING 1),
  due AS (
    INSERT INTO amendment_due (tenant_id, customer_no, meter_no, period_start, due_at)
    SELECT $1, customer_no, meter_no, period_start, min(${dueAt('$2::timestamptz', 'revision')})
      FROM input WHERE revision > 0
     GROUP BY customer_no, meter_no, period_start ORDER BY 2, 3, 4
        ON CONFLICT DO NOTHING),
  delta AS (
    INSERT INTO usage_delta (tenant_id, customer_no, meter_no, period_start, origin_start, revision,
           billable, bucket, dimensions, quantity_sum, entry_count, digest)
    SELECT $1, customer_no, meter_no, period_start, origin_start, revision, billable, bucket,
           dimensions, -sum(quantity), -count(*), sum(digest)
      FROM input
     GROUP BY customer_no, meter_no, period_start, origin_start, revision, billable, bucket,
           dimensions
    RETURNING 1)
  SELECT count(*) AS entries FROM entry`;
