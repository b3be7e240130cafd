import type { Connections, Queryable } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { errorsText, fieldsText } from './keep-events.store.js';
import type { Refusal } from './refused-event.js';
import { releaseEvents } from './release-events.store.js';

/** Which events are replayed; all of them where nothing is said. */
export interface ReplayFilter {
  readonly code?: string | undefined;
  readonly ids?: readonly string[] | undefined;
}

const MATCHING = `
  tenant_id = $1 AND ($2::text IS NULL OR code = $2)
  AND ($3::uuid[] IS NULL OR quarantined_event_id = ANY ($3))`;

/** Those first that were replayed longest ago: repeated, it comes round to all of them. */
const NEXT = `
  SELECT quarantined_event_id AS id FROM quarantined_event
   WHERE ${MATCHING}
   ORDER BY replayed_at NULLS FIRST, first_seen_at, quarantined_event_id
   LIMIT $4`;

const REMAINING = `
  SELECT count(*) AS n FROM quarantined_event
   WHERE ${MATCHING} AND (replayed_at IS NULL OR replayed_at < $4::timestamptz)`;

const REFUSED_AGAIN = `
  UPDATE quarantined_event q
     SET code = n.code, errors = n.errors, fields = n.fields, replayed_at = $6::timestamptz
    FROM unnest($2::uuid[], $3::text[], $4::json[], $5::json[]) AS n (id, code, errors, fields)
   WHERE q.tenant_id = $1 AND q.quarantined_event_id = n.id`;

export async function nextToReplay(
  db: Queryable,
  tenantId: string,
  filter: ReplayFilter,
  limit: number,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(NEXT, [...parametersOf(tenantId, filter), limit]);
  return rows.map(({ id }) => id);
}

/** How many were not replayed since an instant. */
export async function remainingToReplay(
  db: Queryable,
  tenantId: string,
  filter: ReplayFilter,
  since: Micros,
): Promise<number> {
  const parameters = [...parametersOf(tenantId, filter), formatInstantMicros(since)];
  const [row] = await db.query<{ n: number }>(REMAINING, parameters);
  return row!.n;
}

/** Lets out what is recorded now, and notes what is wrong with the rest. */
export async function settleReplayed(
  connections: Connections,
  tenantId: string,
  recordedIds: readonly string[],
  refused: ReadonlyMap<string, Refusal>,
  replayedAt: Micros,
): Promise<void> {
  await connections.transaction(async (tx) => {
    // First, also where nothing leaves: it locks the tally, as everyone does before rows.
    await releaseEvents(tx, tenantId, recordedIds);
    const refusals = [...refused.values()];
    await tx.query(REFUSED_AGAIN, [
      tenantId,
      plainArray([...refused.keys()]),
      refusals.map(({ code }) => code),
      refusals.map(errorsText),
      refusals.map(fieldsText),
      formatInstantMicros(replayedAt),
    ]);
  });
}

function parametersOf(tenantId: string, { code, ids }: ReplayFilter): unknown[] {
  return [tenantId, code ?? null, ids === undefined ? null : plainArray(ids)];
}
