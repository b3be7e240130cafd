import { randomUUID } from 'node:crypto';
import type { Transaction } from '../database/connections.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { eventKeysIn, ownKeys } from './event-names.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { partPatternOf, patternOf } from './sought-texts.js';

const ANSWERS_MAX = 200;

/** Keys are made of parts; one may be the id of another customer, which has ours in it. */
const IS_NAMED = `
  (idempotency_key ~ $6
   OR (idempotency_key ~ $9 AND NOT EXISTS (
         SELECT FROM customer_identity i
          WHERE i.tenant_id = $1 AND strpos(command_answer.idempotency_key, i.identity) > 0
            AND i.identity <> ALL ($10::text[])
            AND EXISTS (SELECT FROM unnest($10::text[]) t WHERE strpos(i.identity, t) > 0))))`;

/** The erasure's own, too, though it came after it began: its key may be made of a text. */
const NEXT = `
  SELECT route, idempotency_key AS key, created_at AS "createdAt", coalesce(lease_until >= clock_timestamp(), false) AS "isAtWork",
         ${IS_NAMED} AS "isNamed", concat_ws(E'\\n', made, headers, body) ~ $6 AS hit,
         CASE WHEN strpos(body, 'usage_event_id') > 0 THEN body END AS body,
         strpos(made::text, $7) > 0 AS "isOwn"
    FROM command_answer
   WHERE tenant_id = $1 AND (created_at <= $2::timestamptz OR strpos(made::text, $7) > 0)
     AND ($3::timestamptz IS NULL OR (created_at, route, idempotency_key) > ($3, $4::text, $8::text))
   ORDER BY created_at, route, idempotency_key LIMIT $5`;

/**
 * Sent again, the command is not run again: that it was done is all that is known. One that somebody
 * has taken up meanwhile is left to them.
 */
const ERASE = `
  UPDATE command_answer
     SET made = NULL, headers = '{"content-type": "application/json; charset=utf-8"}',
         body = '{"erased":true}', idempotency_key = coalesce($4, idempotency_key),
         status = coalesce(status, 200), answered_at = coalesce(answered_at, $5::timestamptz),
         lease_until = NULL, fence = fence + 1
   WHERE tenant_id = $1 AND route = $2 AND idempotency_key = $3
     AND (answered_at IS NOT NULL OR lease_until < $5)
  RETURNING 1`;

interface Row {
  readonly route: string;
  readonly key: string;
  readonly createdAt: Micros;
  /** Whoever is at work on it renews a lease. */
  readonly isAtWork: boolean;
  readonly isNamed: boolean;
  readonly hit: boolean;
  readonly body: string | null;
  readonly isOwn: boolean | null;
}

/** What commands were answered, where the answer or the key of the command tells of the customer. */
export async function eraseAnswers(
  tx: Transaction,
  tenantId: string,
  { id, customerNo, sought, createdAt, position }: RunningErasure,
): Promise<Done | 'waiting'> {
  const rows = await tx.query<Row>(NEXT, [
    tenantId,
    formatInstantMicros(createdAt),
    position?.[0] ?? null,
    position?.[1] ?? null,
    ANSWERS_MAX,
    patternOf(sought.texts),
    id,
    position?.[2] ?? null,
    partPatternOf(sought.texts),
    sought.texts,
  ]);
  const last = rows.at(-1);
  if (last === undefined) return {};
  const keys = new Map(rows.map((row) => [row, eventKeysOf(row)]));
  const own = await ownKeys(tx, tenantId, customerNo, [...keys.values()].flat());
  const now = formatInstantMicros(await timeOfDay(tx));
  let otherRows = 0;
  for (const row of rows) {
    // One at work may still be answered with a text; one that nobody goes on with, only if it has one.
    if (row.isAtWork && (row.isNamed || row.isOwn !== true)) return 'waiting';
    if (!row.hit && !row.isNamed && !keys.get(row)!.some((key) => own.has(key))) continue;
    const key = row.isNamed ? `erased_${randomUUID()}` : null;
    const erased = await tx.query(ERASE, [tenantId, row.route, row.key, key, now]);
    if (erased.length === 0) return 'waiting';
    otherRows += 1;
  }
  return {
    otherRows,
    position: [formatInstantMicros(last.createdAt), last.route, last.key],
  };
}

function eventKeysOf({ body }: Row): string[] {
  return body === null ? [] : eventKeysIn(JSON.parse(body));
}
