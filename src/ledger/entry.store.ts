import type { Transaction } from '../database/connections.js';
import { plainArray, textArray } from '../database/plain-array.js';
import { entryDigest } from '../domain/entry-digest.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { UsageEvent } from '../domain/usage-event.js';
import type { Counted } from '../domain/usage-match.js';
import { dueAt } from './amendment-due.js';

/** One row of the ledger: what an event counts in one meter, and where that is billed. */
export interface Entry {
  readonly counted: Counted;
  readonly uniqueKey: string | null;
  readonly periodStart: Micros;
  readonly originStart: Micros;
  readonly revision: number;
  readonly late: boolean;
  readonly billable: boolean;
}

/** An event whose id this transaction has taken, with its entries. */
export interface FreshEvent {
  readonly event: UsageEvent;
  readonly eventKey: string;
  readonly customerNo: number;
  readonly occurredAt: Micros;
  readonly entries: readonly Entry[];
}

/**
 * Writes the details of new events, their ledger entries, the sets of unique_count and the deltas
 * of the totals, in one statement.
 *
 * @throws Error where another number of rows came to be than was asked for: nothing may commit then.
 */
export async function insertUsage(
  tx: Transaction,
  tenantId: string,
  fresh: readonly FreshEvent[],
  receivedAt: Micros,
): Promise<void> {
  const rows = fresh.flatMap((event, index) =>
    event.entries.map((entry) => ({ event, entry, eventIndex: index + 1 })),
  );
  // Many entries have one period: each is told once.
  const periodStarts = [
    ...new Set(rows.flatMap(({ entry }) => [entry.periodStart, entry.originStart])),
  ];
  const periodIndexes = new Map(periodStarts.map((start, index) => [start, index + 1]));
  const [inserted] = await tx.query<{ events: number; entries: number }>(INSERT_USAGE, [
    tenantId,
    formatInstantMicros(receivedAt),
    plainArray(fresh.map((f) => f.eventKey)),
    textArray(fresh.map((f) => f.event.source)),
    textArray(fresh.map((f) => f.event.usageEventId)),
    textArray(fresh.map((f) => f.event.customerId)),
    plainArray(fresh.map((f) => f.customerNo)),
    textArray(fresh.map((f) => f.event.meter)),
    plainArray(fresh.map((f) => f.event.quantity ?? null)),
    plainArray(fresh.map((f) => formatInstantMicros(f.occurredAt))),
    plainArray(fresh.map((f) => f.event.occurredAt !== undefined)),
    textArray(
      fresh.map((f) =>
        f.event.properties === undefined ? null : JSON.stringify(f.event.properties),
      ),
    ),
    plainArray(rows.map((row) => row.eventIndex)),
    plainArray(rows.map((row) => row.entry.counted.meter.meterNo)),
    plainArray(rows.map((row) => row.entry.counted.quantity)),
    plainArray(rows.map((row) => periodIndexes.get(row.entry.periodStart)!)),
    plainArray(rows.map((row) => periodIndexes.get(row.entry.originStart)!)),
    plainArray(rows.map((row) => row.entry.revision)),
    plainArray(rows.map((row) => row.entry.late)),
    plainArray(rows.map((row) => row.entry.billable)),
    plainArray(rows.map((row) => row.entry.counted.meter.version)),
    textArray(rows.map((row) => row.entry.counted.dimensions)),
    plainArray(rows.map((row) => row.entry.uniqueKey)),
    plainArray(rows.map((row) => digestOf(row.event, row.entry).toString())),
    plainArray(periodStarts.map(formatInstantMicros)),
  ]);
  if (inserted?.events !== fresh.length || inserted.entries !== rows.length) {
    throw new Error(
      `asked for ${fresh.length} events and ${rows.length} entries, got ${JSON.stringify(inserted)}`,
    );
  }
}

function digestOf(event: FreshEvent, entry: Entry): bigint {
  const { meter, quantity } = entry.counted;
  return entryDigest(event.eventKey, meter.key, entry.periodStart, quantity, false);
}

const INSERT_USAGE = `
  WITH event AS (
    INSERT INTO usage_event (tenant_id, event_key, source, usage_event_id, customer_id, customer_no,
           meter, quantity, occurred_at, occurred_at_sent, properties, received_at)
    SELECT $1, e.*, $2::timestamptz
      FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                  $9::numeric[], $10::timestamptz[], $11::boolean[], $12::json[]) AS e
    RETURNING 1),
  input AS MATERIALIZED (
    SELECT ($3::uuid[])[event_index] AS event_key, meter_no,
           ($7::bigint[])[event_index] AS customer_no, quantity,
           ($10::timestamptz[])[event_index] AS occurred_at,
           ($25::timestamptz[])[period_index] AS period_start,
           ($25::timestamptz[])[origin_index] AS origin_start, revision, late, billable,
           settings_version, dimensions, unique_key,
           date_bin('15 minutes', ($10::timestamptz[])[event_index],
                    TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket, digest
      FROM unnest($13::integer[], $14::integer[], $15::numeric[], $16::integer[], $17::integer[],
                  $18::integer[], $19::boolean[], $20::boolean[], $21::integer[], $22::text[],
                  $23::uuid[], $24::numeric[])
        AS i (event_index, meter_no, quantity, period_index, origin_index, revision, late, billable,
              settings_version, dimensions, unique_key, digest)),
  entry AS (
    INSERT INTO usage_entry (tenant_id, event_key, meter_no, entry_no, customer_no, kind, quantity,
           occurred_at, received_at, period_start, origin_start, revision, late, billable,
           settings_version, dimensions, unique_key)
    SELECT $1, event_key, meter_no, 0, customer_no, 'usage', quantity, occurred_at,
           $2::timestamptz, period_start, origin_start, revision, late, billable, settings_version,
           dimensions, unique_key
      FROM input
    RETURNING 1),
  uniques AS (
    INSERT INTO usage_unique (tenant_id, customer_no, meter_no, period_start, revision, billable,
           bucket, dimensions, unique_key)
    SELECT DISTINCT $1::uuid, customer_no, meter_no, period_start, revision, billable, bucket,
           dimensions, unique_key
      FROM input WHERE unique_key IS NOT NULL
     ORDER BY 2, 3, 4, 5, 6, 7, 8, 9
        ON CONFLICT DO NOTHING),
  due AS (
    INSERT INTO amendment_due (tenant_id, customer_no, meter_no, period_start, due_at)
    SELECT $1, customer_no, meter_no, period_start, min(${dueAt('$2::timestamptz', 'revision')})
      FROM input WHERE revision > 0
     GROUP BY customer_no, meter_no, period_start ORDER BY 2, 3, 4
        ON CONFLICT DO NOTHING),
  delta AS (
    INSERT INTO usage_delta (tenant_id, customer_no, meter_no, period_start, origin_start, revision,
           billable, bucket, dimensions, quantity_sum, quantity_max, entry_count, last_quantity,
           last_at, last_key, digest)
    SELECT $1, customer_no, meter_no, period_start, origin_start, revision, billable, bucket,
           dimensions, sum(quantity), max(quantity), count(*),
           (array_agg(quantity ORDER BY occurred_at DESC, event_key DESC))[1], max(occurred_at),
           (array_agg(event_key ORDER BY occurred_at DESC, event_key DESC))[1], sum(digest)
      FROM input
     GROUP BY customer_no, meter_no, period_start, origin_start, revision, billable, bucket,
           dimensions
    RETURNING 1)
  SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM entry) AS entries`;
