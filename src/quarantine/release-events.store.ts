import type { Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { addToTally, lockTally } from './quarantine-tally.store.js';

const DELETE = `
  DELETE FROM quarantined_event WHERE tenant_id = $1 AND quarantined_event_id = ANY ($2::uuid[])
  RETURNING event_bytes AS "bytes"`;

/** What was last seen before an instant was first seen before it: the index finds it. */
const DELETE_OLD = `
  DELETE FROM quarantined_event
   WHERE tenant_id = $1 AND quarantined_event_id IN (
         SELECT quarantined_event_id FROM quarantined_event
          WHERE tenant_id = $1 AND first_seen_at < $2::timestamptz AND last_seen_at < $2
          ORDER BY first_seen_at LIMIT $3)
  RETURNING event_bytes AS "bytes"`;

/** @returns How many of them were there. */
export function releaseEvents(
  tx: Transaction,
  tenantId: string,
  ids: readonly string[],
): Promise<number> {
  return release(tx, tenantId, DELETE, [plainArray(ids)]);
}

/** @returns How many left, at most `eventsMax`. */
export function releaseUnseen(
  tx: Transaction,
  tenantId: string,
  since: Micros,
  eventsMax: number,
): Promise<number> {
  return release(tx, tenantId, DELETE_OLD, [formatInstantMicros(since), eventsMax]);
}

async function release(
  tx: Transaction,
  tenantId: string,
  statement: string,
  parameters: readonly unknown[],
): Promise<number> {
  await lockTally(tx, tenantId);
  const rows = await tx.query<{ bytes: number }>(statement, [tenantId, ...parameters]);
  const bytes = rows.reduce((total, row) => total + row.bytes, 0);
  await addToTally(tx, tenantId, { events: -rows.length, bytes: -bytes, dropped: 0 });
  return rows.length;
}
