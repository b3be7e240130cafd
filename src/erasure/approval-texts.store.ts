import type { Transaction } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import { eventKeysIn, ownKeys } from './event-names.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { partPatternOf, patternOf } from './sought-texts.js';

/** People ask for them and they are kept for some weeks: few enough to look at in one go. */
const FIND = `
  SELECT approval_id AS id, body,
         concat_ws(E'\\n', parameters, query, body, reason) ~ $3 OR idempotency_key ~ $4 AS hit
    FROM approval
   WHERE tenant_id = $1 AND created_at <= $2::timestamptz`;

const DELETE = 'DELETE FROM approval WHERE tenant_id = $1 AND approval_id = ANY ($2::uuid[])';

/** Requests for an approval that name the customer or its events; what was not used yet falls. */
export async function eraseApprovals(
  tx: Transaction,
  tenantId: string,
  { customerNo, sought, createdAt }: RunningErasure,
): Promise<Done> {
  const patterns = [patternOf(sought.texts), partPatternOf(sought.texts)];
  const until = formatInstantMicros(createdAt);
  const rows = await tx.query<{ id: string; body: unknown; hit: boolean }>(FIND, [
    tenantId,
    until,
    ...patterns,
  ]);
  const named = rows.map((row) => ({ ...row, keys: eventKeysIn(row.body) }));
  const own = await ownKeys(
    tx,
    tenantId,
    customerNo,
    named.flatMap(({ keys }) => keys),
  );
  const ids = named.filter(({ hit, keys }) => hit || keys.some((key) => own.has(key)));
  await tx.query(DELETE, [tenantId, ids.map(({ id }) => id)]);
  return { otherRows: ids.length };
}
