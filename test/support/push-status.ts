import type { Queryable } from '../../src/database/connections.js';

/** The ways from `pending` that a push takes to each status. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  pending: [],
  sending: ['sending'],
  unknown: ['sending', 'unknown'],
  delivered: ['sending', 'delivered'],
  rejected: ['sending', 'rejected'],
  confirmed: ['sending', 'delivered', 'confirmed'],
  disputed: ['sending', 'delivered', 'disputed'],
};

const TRANSITION = `
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason)
  SELECT tenant_id, identifier, transition_no + $3, $4, $5, 'test'
    FROM push WHERE tenant_id = $1 AND identifier = $2`;

const PUSH = `
  UPDATE push
     SET status = $3, transition_no = transition_no + $4, attempts = $5,
         unknown_attempts = CASE WHEN $3 = 'unknown' THEN 1 ELSE 0 END,
         first_attempt_at = CASE WHEN $5 > 0 THEN $6::timestamptz END,
         last_attempt_at = CASE WHEN $5 > 0 THEN $6::timestamptz END,
         delivered_at = CASE WHEN $3 IN ('delivered', 'confirmed', 'disputed') THEN $6::timestamptz END,
         settled_by = CASE WHEN $3 IN ('delivered', 'confirmed', 'disputed', 'rejected')
                           THEN 'answer' END,
         lease_until = CASE WHEN $3 = 'sending' THEN $6::timestamptz END,
         next_attempt_at = CASE WHEN $3 IN ('pending', 'sending') THEN next_attempt_at END
   WHERE tenant_id = $1 AND identifier = $2`;

/** Brings a pending push to a status, by the transitions that lead there. */
export async function setPushStatus(
  db: Queryable,
  tenantId: string,
  identifier: string,
  status: string,
): Promise<void> {
  const way = WAYS[status]!;
  for (const [index, to] of way.entries()) {
    const from = way[index - 1] ?? 'pending';
    await db.query(TRANSITION, [tenantId, identifier, index + 1, from, to]);
  }
  const attempts = way.length > 0 ? 1 : 0;
  // Citus takes no now() inside of a CASE.
  const [{ at }] = (await db.query(`SELECT now()::text AS at`)) as [{ at: string }];
  await db.query(PUSH, [tenantId, identifier, status, way.length, attempts, at]);
}
