import { eraseAuditTexts } from '../access/audit/audit-erasure.store.js';
import type { Transaction } from '../database/connections.js';
import { eventsWithKeys } from '../ledger/event-rows.js';
import { IS_VOID_OF_CUSTOMER } from './correction-texts.store.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { patternOf, reasonPatternOf } from './sought-texts.js';

const ENTRIES_MAX = 1_000;
const UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** By name, or as what was done to one of its events, to its pushes, or by a void of its events. */
const NEXT = `
  SELECT a.sequence,
         concat_ws(E'\\n', a.subject, a.before, a.after) ~ $6 OR coalesce(a.reason ~ $7, false)
         OR CASE WHEN a.subject ~ '^usage_event:${UUID}$' THEN EXISTS (
              SELECT FROM ${eventsWithKeys(`ARRAY[split_part(a.subject, ':', 2)::uuid]`)} e
               WHERE e.customer_no = $2)
            WHEN a.subject ~ '^push:' THEN EXISTS (
              SELECT FROM push p
               WHERE p.tenant_id = $1 AND p.identifier = split_part(a.subject, ':', 2)
                 AND p.customer_no = $2)
            WHEN a.subject ~ '^void:${UUID}$' THEN EXISTS (
              SELECT FROM bulk_void b
               WHERE b.tenant_id = $1 AND b.bulk_void_id = split_part(a.subject, ':', 2)::uuid
                 AND ${IS_VOID_OF_CUSTOMER})
            ELSE false END AS hit
    FROM audit_entry a
   WHERE a.tenant_id = $1 AND a.salt IS NOT NULL AND a.sequence > $3 AND a.sequence < $4
   ORDER BY a.sequence LIMIT $5`;

/** What the audit tells of the customer until the erasure began. */
export async function eraseAudit(
  tx: Transaction,
  tenantId: string,
  { customerNo, sought, auditSequence, position }: RunningErasure,
): Promise<Done> {
  const entries = await tx.query<{ sequence: number; hit: boolean }>(NEXT, [
    tenantId,
    customerNo,
    position?.[0] ?? 0,
    auditSequence,
    ENTRIES_MAX,
    patternOf(sought.texts),
    reasonPatternOf(sought.texts),
  ]);
  const last = entries.at(-1);
  if (last === undefined) return {};
  const sequences = entries.filter(({ hit }) => hit).map(({ sequence }) => sequence);
  const otherRows =
    sequences.length === 0 ? 0 : await eraseAuditTexts(tx, tenantId, customerNo, sequences);
  return { otherRows, position: [last.sequence] };
}
