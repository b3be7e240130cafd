import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

const WITHDRAW = `
  WITH waiting AS MATERIALIZED (
    SELECT identifier FROM push
     WHERE tenant_id = $1 AND identifier = ANY ($2::text[]) AND status = 'pending'
     ORDER BY identifier FOR NO KEY UPDATE
  ), withdrawn AS (
    UPDATE push p
       SET status = 'rejected', reason = $3, settled_by = 'withdrawal', replaced = true,
           next_attempt_at = NULL, transition_no = transition_no + 1
      FROM waiting w
     WHERE p.tenant_id = $1 AND p.identifier = w.identifier AND p.status = 'pending'
    RETURNING p.identifier, p.transition_no
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, identifier, transition_no, 'pending', 'rejected', $3, $4 FROM withdrawn
  RETURNING 1`;

/** Takes back pushes that were surely not executed: those of them that wait still. */
export async function withdrawPushes(
  tx: Transaction,
  tenantId: string,
  pushes: readonly { readonly identifier: string }[],
  { reason, at }: { readonly reason: string; readonly at: Micros },
): Promise<void> {
  if (pushes.length === 0) return;
  const identifiers = pushes.map(({ identifier }) => identifier);
  await tx.query(WITHDRAW, [tenantId, identifiers, reason, formatInstantMicros(at)]);
}
