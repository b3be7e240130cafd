import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { pushIdentifier } from '../domain/push-identifier.js';
import {
  formOfLane,
  insertExtraPushes,
  lockLanesForPush,
  type ExtraPush,
} from '../outbox/extra-push.store.js';
import { installationId } from '../outbox/installation.store.js';
import type { RepairStep } from './repair-plan.js';

const LOCK = `
  SELECT repair FROM reconciliation
   WHERE tenant_id = $1 AND reconciliation_id = $2 FOR UPDATE`;

const STORE = `
  UPDATE reconciliation SET repaired_at = $4, repair = $3
   WHERE tenant_id = $1 AND reconciliation_id = $2`;

const READ_BACK = `
  INSERT INTO push_reading AS r (tenant_id, identifier, cause, next_read_at)
  SELECT $1, p.identifier, 'drift', $3
    FROM push p
   WHERE p.tenant_id = $1 AND p.identifier = ANY ($2::text[])
     AND p.status IN ('delivered', 'confirmed')
   ORDER BY p.identifier
  ON CONFLICT (tenant_id, identifier) DO NOTHING`;

/** What was done about a reconciliation; it is locked, so that it is done once. */
export async function repairOf<Repair>(
  tx: Transaction,
  tenantId: string,
  id: string,
): Promise<Repair | undefined> {
  const [row] = await tx.query<{ repair: Repair | null }>(LOCK, [tenantId, id]);
  return row?.repair ?? undefined;
}

export async function storeRepair(
  tx: Transaction,
  tenantId: string,
  id: string,
  repair: object,
  at: Micros,
): Promise<void> {
  await tx.query(STORE, [tenantId, id, JSON.stringify(repair), formatInstantMicros(at)]);
}

/** Does the steps of one lane. @returns Them, with the identifiers of what will be pushed. */
export async function applySteps(
  tx: Transaction,
  tenantId: string,
  laneId: string,
  steps: readonly RepairStep[],
  at: Micros,
): Promise<RepairStep[]> {
  const missing = steps.filter(({ action }) => action === 'read_back');
  const identifiers = missing.map(({ identifier }) => identifier);
  if (missing.length > 0) {
    await tx.query(READ_BACK, [tenantId, identifiers, formatInstantMicros(at)]);
  }
  const [lane] = await lockLanesForPush(tx, tenantId, [laneId]);
  const form = await formOfLane(tx, tenantId, laneId);
  if (lane === undefined || form === undefined) return [...steps];
  const ours = { tenantId, installationId: await installationId(tx) };
  let sequence = lane.lastSequence;
  const pushes: ExtraPush[] = [];
  const done = steps.map((step) => {
    if (step.action === 'none' || step.action === 'read_back' || step.timestamp === null) {
      return step;
    }
    sequence += 1;
    const identifier = pushIdentifier({ ...ours, ...lane, sequence });
    const kind = step.action === 'push_total' ? 'total' : 'delta';
    const { hour, value, timestamp } = step;
    pushes.push({ identifier, laneId, sequence, kind, hour, value, timestamp, form });
    return { ...step, identifier };
  });
  await insertExtraPushes(tx, tenantId, pushes, 'repair', at);
  return done;
}
