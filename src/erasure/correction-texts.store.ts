import type { Transaction } from '../database/connections.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros } from '../domain/instant.js';
import { eventsWithKeys } from '../ledger/event-rows.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { patternOf, reasonPatternOf } from './sought-texts.js';

/** SQL: the keys of the events that a row `b` of `bulk_void` names. */
const KEYS = `ARRAY(
  SELECT n.value::uuid FROM json_array_elements_text(
    CASE json_typeof(b.selection -> 'eventKeys')
      WHEN 'array' THEN b.selection -> 'eventKeys' ELSE '[]' END) n)`;

/** SQL: whether a row `b` of `bulk_void` is about the customer $2. */
export const IS_VOID_OF_CUSTOMER = `
  (b.selection ->> 'customerNo' = $2::bigint::text
   OR EXISTS (SELECT FROM ${eventsWithKeys(KEYS)} e WHERE e.customer_no = $2))`;

/** One that is at work would void everything if it no longer knew what it is to void. */
const AT_WORK = `
  SELECT FROM bulk_void
   WHERE tenant_id = $1 AND finished_at IS NULL AND created_at <= $2::timestamptz LIMIT 1`;

/** Our own numbers and times stay, by which it is known what it voided and whose. */
const BULK_VOIDS = `
  SELECT b.bulk_void_id AS id, (b.selection::jsonb || '{"source": null}')::text AS selection
    FROM bulk_void b
   WHERE b.tenant_id = $1 AND b.created_at <= $4::timestamptz AND b.finished_at IS NOT NULL
     AND b.reason <> '[erased]'
     AND (${IS_VOID_OF_CUSTOMER} OR concat_ws(E'\\n', b.filter, b.selection) ~ $3 OR b.reason ~ $5)`;

const BLANK_BULK_VOIDS = `
  UPDATE bulk_void b SET filter = '{}', reason = '[erased]', selection = n.selection
    FROM unnest($2::uuid[], $3::json[]) AS n (id, selection)
   WHERE b.tenant_id = $1 AND b.bulk_void_id = n.id AND b.reason <> '[erased]'
  RETURNING 1`;

const CHANGES = `
  UPDATE replay_change SET dimensions = erased_dimensions(dimensions, $3)
   WHERE tenant_id = $1 AND customer_no = $2 AND has_texts(dimensions)
  RETURNING 1`;

const DIFFERENCES = `
  UPDATE replay_difference SET place = '{}', ledger = NULL, stored = NULL
   WHERE tenant_id = $1 AND place <> '{}'
     AND (customer_no = $2 OR place::text ~ $3 OR ledger::text ~ $3 OR stored::text ~ $3)
  RETURNING 1`;

/** What voids of many events were asked for by. */
export async function eraseCorrections(
  tx: Transaction,
  tenantId: string,
  { customerNo, sought, createdAt }: RunningErasure,
): Promise<Done | 'waiting'> {
  const until = formatInstantMicros(createdAt);
  if ((await tx.query(AT_WORK, [tenantId, until])).length > 0) return 'waiting';
  const patterns = [patternOf(sought.texts), reasonPatternOf(sought.texts)] as const;
  const parameters = [tenantId, customerNo, patterns[0], until, patterns[1]];
  const voids = await tx.query<{ id: string; selection: string }>(BULK_VOIDS, parameters);
  const blanked = await tx.query(BLANK_BULK_VOIDS, [
    tenantId,
    voids.map(({ id }) => id),
    voids.map(({ selection }) => selection),
  ]);
  return { otherRows: blanked.length };
}

/**
 * One that is at work may be about to note what it read before. Whoever lost its lease without knowing
 * notes nothing any more.
 */
const REPLAYS = `
  UPDATE replay
     SET lease_until = CASE WHEN lease_until >= $2::timestamptz THEN lease_until END,
         fence = fence + CASE WHEN lease_until >= $2::timestamptz THEN 0 ELSE 1 END
   WHERE tenant_id = $1 AND finished_at IS NULL
  RETURNING lease_until IS NOT NULL AS "isAtWork"`;

/** What replays found and replaced: an apply can still be taken back. */
export async function eraseReplays(
  tx: Transaction,
  tenantId: string,
  { customerNo, sought, hashKey }: RunningErasure,
): Promise<Done | 'waiting'> {
  const now = formatInstantMicros(await timeOfDay(tx));
  const replays = await tx.query<{ isAtWork: boolean }>(REPLAYS, [tenantId, now]);
  if (replays.some(({ isAtWork }) => isAtWork)) return 'waiting';
  const changes = await tx.query(CHANGES, [tenantId, customerNo, hashKey]);
  const pattern = patternOf(sought.texts);
  const differences = await tx.query(DIFFERENCES, [tenantId, customerNo, pattern]);
  return { otherRows: changes.length + differences.length };
}
