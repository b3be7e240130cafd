import type { Connections, Queryable } from '../database/connections.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { addWorkOfPushes } from '../outbox/push-work.store.js';
import { type ClaimedPush } from './push-claim.store.js';
import type { Settlement } from './push-settlement.js';

/** A push and what came of its attempt; nothing where no call was made. */
export interface Answered {
  readonly push: Pick<
    ClaimedPush,
    | 'identifier'
    | 'fence'
    | 'fromStatus'
    | 'reason'
    | 'keyNo'
    | 'attempts'
    | 'unknownAttempts'
    | 'lastError'
    | 'firstAttemptAt'
    | 'lastAttemptAt'
    | 'before'
  >;
  readonly settlement: Settlement | undefined;
}

/** Only whoever holds the lease writes: the fence has risen where another took it over. */
const SETTLE = `
  WITH held AS MATERIALIZED (
    SELECT identifier FROM push
     WHERE tenant_id = $1 AND identifier = ANY ($3::text[]) AND status = 'sending'
     ORDER BY identifier FOR NO KEY UPDATE
  ), settled AS (
    UPDATE push p
       SET status = k.status, reason = k.reason, key_no = k.key_no, attempts = k.attempts,
           unknown_attempts = k.unknown_attempts, last_error = k.last_error,
           first_attempt_at = k.first_attempt_at, last_attempt_at = k.last_attempt_at,
           next_attempt_at = k.next_attempt_at, lease_until = NULL,
           settled_by = CASE WHEN k.status IN ('delivered', 'rejected') THEN 'answer' END,
           delivered_at = CASE WHEN k.status = 'delivered' THEN $2::timestamptz END,
           transition_no = p.transition_no + 1
      FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::integer[], $8::integer[],
                  $9::integer[], $10::text[], $11::timestamptz[], $12::timestamptz[],
                  $13::timestamptz[], $14::text[])
             AS k (identifier, fence, status, reason, key_no, attempts, unknown_attempts, last_error,
                   first_attempt_at, last_attempt_at, next_attempt_at, parked_code)
      JOIN held USING (identifier)
     WHERE p.tenant_id = $1 AND p.identifier = ANY ($3::text[]) AND p.identifier = k.identifier
       AND p.fence = k.fence AND p.status = 'sending'
    RETURNING p.identifier, p.lane_id, p.transition_no, p.status, p.reason, k.parked_code
  ), parked AS (
    UPDATE push_lane l SET parked_code = s.parked_code, parked_at = $2
      FROM settled s
     WHERE l.tenant_id = $1 AND l.lane_id = s.lane_id AND s.parked_code IS NOT NULL
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, s.identifier, s.transition_no, 'sending', s.status, s.reason, $2 FROM settled s
  RETURNING identifier`;

/**
 * Writes what came of many pushes. What goes back to waiting is planned anew: while it was on its
 * way, a changed mapping could not take it back.
 *
 * @returns Which of them were still this process's to settle.
 */
export async function settlePushes(
  db: Connections,
  tenantId: string,
  answered: readonly Answered[],
): Promise<Set<string>> {
  const now = await timeOfDay(db);
  const rows = answered.map((one) => rowOf(one, now));
  const anew = rows.filter(isPlannedAnew).map(({ identifier }) => identifier);
  if (anew.length === 0) return settle(db, tenantId, rows, now);
  return db.transaction(async (tx) => {
    await addWorkOfPushes(tx, tenantId, anew, true);
    return settle(tx, tenantId, rows, now);
  });
}

function isPlannedAnew({ status, nextAttemptAt }: SettledRow): boolean {
  if (status === 'unknown') return nextAttemptAt === null;
  return status === 'pending' || status === 'rejected';
}

async function settle(
  db: Queryable,
  tenantId: string,
  rows: readonly SettledRow[],
  now: Micros,
): Promise<Set<string>> {
  const written = await db.query<{ identifier: string }>(SETTLE, [
    tenantId,
    formatInstantMicros(now),
    rows.map((row) => row.identifier),
    rows.map((row) => row.fence),
    rows.map((row) => row.status),
    rows.map((row) => row.reason),
    rows.map((row) => row.keyNo),
    rows.map((row) => row.attempts),
    rows.map((row) => row.unknownAttempts),
    rows.map((row) => row.lastError),
    rows.map((row) => shown(row.firstAttemptAt)),
    rows.map((row) => shown(row.lastAttemptAt)),
    rows.map((row) => shown(row.nextAttemptAt)),
    rows.map((row) => row.parkedCode),
  ]);
  return new Set(written.map(({ identifier }) => identifier));
}

type SettledRow = ReturnType<typeof rowOf>;

function rowOf({ push, settlement }: Answered, now: Micros) {
  if (settlement === undefined) return unsent(push);
  const { retryAfter } = settlement;
  const nextAttemptAt = retryAfter === null ? null : now + retryAfter;
  return { ...push, ...settlement, nextAttemptAt };
}

/** As it was before the claim. */
function unsent({ before, ...push }: Answered['push']) {
  return {
    ...push,
    status: push.fromStatus,
    attempts: push.attempts - 1,
    firstAttemptAt: before.firstAttemptAt,
    lastAttemptAt: before.lastAttemptAt,
    nextAttemptAt: before.dueAt,
    parkedCode: null,
  };
}

function shown(instant: Micros | null): string | null {
  return instant === null ? null : formatInstantMicros(instant);
}
