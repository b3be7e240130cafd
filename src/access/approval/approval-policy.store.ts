import type { Queryable, Transaction } from '../../database/connections.js';
import { timeOfDay } from '../../database/time-of-day.js';
import { formatInstantMicros } from '../../domain/instant.js';
import type { GuardedCommand } from './guarded-command.js';

interface PolicyRow {
  readonly commands: readonly GuardedCommand[];
}

/** What a tenant has put under four eyes. */
export async function policyOf(
  db: Queryable,
  tenantId: string,
): Promise<readonly GuardedCommand[]> {
  const [row] = await db.query<PolicyRow>(
    'SELECT commands FROM approval_policy WHERE tenant_id = $1',
    [tenantId],
  );
  return row?.commands ?? [];
}

/** The same, while nobody else changes it or asks for an approval until the transaction ends. */
export async function lockPolicy(
  tx: Transaction,
  tenantId: string,
): Promise<readonly GuardedCommand[]> {
  await tx.query(
    `INSERT INTO approval_policy (tenant_id, commands, changed_at) VALUES ($1, '{}', $2)
     ON CONFLICT (tenant_id) DO NOTHING`,
    [tenantId, formatInstantMicros(await timeOfDay(tx))],
  );
  const [row] = await tx.query<PolicyRow>(
    'SELECT commands FROM approval_policy WHERE tenant_id = $1 FOR UPDATE',
    [tenantId],
  );
  return row!.commands;
}

export async function setPolicy(
  tx: Transaction,
  tenantId: string,
  commands: readonly GuardedCommand[],
): Promise<void> {
  await tx.query('UPDATE approval_policy SET commands = $2, changed_at = $3 WHERE tenant_id = $1', [
    tenantId,
    commands,
    formatInstantMicros(await timeOfDay(tx)),
  ]);
}
