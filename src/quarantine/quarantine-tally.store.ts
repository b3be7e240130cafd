import type { Queryable, Transaction } from '../database/connections.js';

/** How much a tenant's quarantine holds. */
export interface Tally {
  readonly events: number;
  readonly bytes: number;
  readonly dropped: number;
}

const LOCK = 'SELECT events, bytes, dropped FROM quarantine_tally WHERE tenant_id = $1 FOR UPDATE';
const CREATE =
  'INSERT INTO quarantine_tally (tenant_id) VALUES ($1) ON CONFLICT (tenant_id) DO NOTHING';
const ADD = `
  UPDATE quarantine_tally
     SET events = events + $2, bytes = bytes + $3, dropped = dropped + $4
   WHERE tenant_id = $1`;

/** Nobody else puts into a tenant's quarantine or takes out of it until the transaction ends. */
export async function lockTally(tx: Transaction, tenantId: string): Promise<Tally> {
  const [tally] = await tx.query<Tally>(LOCK, [tenantId]);
  if (tally !== undefined) return tally;
  await tx.query(CREATE, [tenantId]);
  return lockTally(tx, tenantId);
}

/** @param change May be negative. */
export async function addToTally(tx: Transaction, tenantId: string, change: Tally): Promise<void> {
  await tx.query(ADD, [tenantId, change.events, change.bytes, change.dropped]);
}

/** How many events of the tenant came while its quarantine was full. */
export async function droppedEvents(db: Queryable, tenantId: string): Promise<number> {
  const [tally] = await db.query<{ dropped: number }>(
    'SELECT dropped FROM quarantine_tally WHERE tenant_id = $1',
    [tenantId],
  );
  return tally?.dropped ?? 0;
}
