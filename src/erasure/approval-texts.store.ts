import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { eventKeysIn, ownKeys } from './event-names.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { partPatternOf, patternOf } from './sought-texts.js';

const APPROVALS_MAX = 200;

const NEXT = `
  SELECT approval_id AS id, created_at AS "createdAt",
         CASE WHEN strpos(body::text, 'usage_event_id') > 0 THEN body END AS body,
         concat_ws(E'\\n', parameters, query, body, reason) ~ $3 OR idempotency_key ~ $4 AS hit
    FROM approval
   WHERE tenant_id = $1 AND created_at <= $2::timestamptz
     AND ($5::timestamptz IS NULL OR (created_at, approval_id) > ($5, $6::uuid))
   ORDER BY created_at, approval_id LIMIT $7`;

/** In one order for all who wait for several. */
const DELETE = `
  WITH named AS MATERIALIZED (
    SELECT approval_id FROM approval
     WHERE tenant_id = $1 AND approval_id = ANY ($2::uuid[])
     ORDER BY approval_id FOR UPDATE)
  DELETE FROM approval a USING named
   WHERE a.tenant_id = $1 AND a.approval_id = named.approval_id`;

interface Row {
  readonly id: string;
  readonly createdAt: Micros;
  readonly body: unknown;
  readonly hit: boolean;
}

/** Requests for an approval that name the customer or its events; what was not used yet falls. */
export async function eraseApprovals(
  tx: Transaction,
  tenantId: string,
  { customerNo, sought, createdAt, position }: RunningErasure,
): Promise<Done> {
  const patterns = [patternOf(sought.texts), partPatternOf(sought.texts)];
  const until = formatInstantMicros(createdAt);
  const rows = await tx.query<Row>(NEXT, [
    tenantId,
    until,
    ...patterns,
    position?.[0] ?? null,
    position?.[1] ?? null,
    APPROVALS_MAX,
  ]);
  const last = rows.at(-1);
  if (last === undefined) return {};
  const named = rows.map((row) => ({ ...row, keys: eventKeysIn(row.body) }));
  const own = await ownKeys(
    tx,
    tenantId,
    customerNo,
    named.flatMap(({ keys }) => keys),
  );
  const ids = named.filter(({ hit, keys }) => hit || keys.some((key) => own.has(key)));
  await tx.query(DELETE, [tenantId, ids.map(({ id }) => id)]);
  return { otherRows: ids.length, position: [formatInstantMicros(last.createdAt), last.id] };
}
