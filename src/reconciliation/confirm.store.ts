import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Proven } from './lane-reading.js';

/** Only what has not moved on since it was read. */
const CONFIRM = `
  WITH confirmed AS (
    UPDATE push p
       SET status = 'confirmed', reason = NULL, settled_by = 'reading',
           transition_no = p.transition_no + 1
      FROM unnest($2::text[], $3::integer[]) AS k (identifier, transition_no)
     WHERE p.tenant_id = $1 AND p.identifier = k.identifier AND p.transition_no = k.transition_no
       AND p.status = 'delivered'
    RETURNING p.identifier, p.transition_no
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, identifier, transition_no, 'delivered', 'confirmed', 'reconciliation', $4 FROM confirmed
  RETURNING identifier`;

/** Marks deliveries that Stripe was seen to have counted. @returns How many. */
export async function confirmProven(
  tx: Transaction,
  tenantId: string,
  proven: readonly Proven[],
  at: Micros,
): Promise<number> {
  if (proven.length === 0) return 0;
  const sorted = proven.toSorted((one, other) => (one.identifier < other.identifier ? -1 : 1));
  const rows = await tx.query(CONFIRM, [
    tenantId,
    sorted.map(({ identifier }) => identifier),
    sorted.map(({ transitionNo }) => transitionNo),
    formatInstantMicros(at),
  ]);
  return rows.length;
}
