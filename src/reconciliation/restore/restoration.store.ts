import { randomUUID } from 'node:crypto';
import { audit } from '../../access/audit/audit.js';
import type { Queryable, Transaction } from '../../database/connections.js';
import { formatInstantMicros, type Micros } from '../../domain/instant.js';
import { currentResidence } from '../../outbox/push-guard.js';

/** Whether what Stripe holds has to be read back, and who has to say so. */
export type RestorationNeed =
  | 'none'
  /** The same database after a recovery or a promotion: a worker may begin by itself. */
  | 'automatic'
  /** A copy: whether it is the one to push from now on, only a person knows. */
  | 'by_command';

const BEGIN = `
  UPDATE installation SET installation_id = $1, restoring_since = $2
   WHERE restoring_since IS NULL
  RETURNING installation_id`;

const FINISH = `
  UPDATE installation
     SET cluster = $1, timeline = $2, restoring_since = NULL, restored_at = $3
   WHERE restoring_since IS NOT NULL
  RETURNING installation_id`;

const STATE = `
  SELECT cluster, timeline, restoring_since IS NOT NULL AS "isRestoring" FROM installation`;

export async function restorationNeed(db: Queryable): Promise<RestorationNeed> {
  const current = await currentResidence(db);
  const [known] = await db.query<{
    cluster: string | null;
    timeline: number | null;
    isRestoring: boolean;
  }>(STATE);
  if (known === undefined || known.cluster === null) return 'none';
  if (known.cluster !== current.cluster) return 'by_command';
  return known.isRestoring || known.timeline !== current.timeline ? 'automatic' : 'none';
}

/**
 * From here on nothing is pushed, and whatever is planned afterwards has other identifiers. Where a
 * restoration was begun before, it goes on.
 */
export async function beginRestoration(tx: Transaction, now: Micros): Promise<void> {
  const begun = await tx.query(BEGIN, [randomUUID(), formatInstantMicros(now)]);
  if (begun.length > 0) await auditEverywhere(tx, 'restoration.begun', {});
}

/** From here on pushes go, from where the database is now. */
export async function finishRestoration(
  tx: Transaction,
  now: Micros,
  outcome: RestorationOutcome,
): Promise<void> {
  const { cluster, timeline } = await currentResidence(tx);
  const finished = await tx.query(FINISH, [cluster, timeline, formatInstantMicros(now)]);
  if (finished.length > 0) await auditEverywhere(tx, 'restored', outcome);
}

/** How it ended, for the audit of every tenant. */
export interface RestorationOutcome {
  readonly passes: number;
  /** Whether it was said that places that cannot be read shall not hold it up. */
  readonly accepts_unread: boolean;
}

/** Pushes of all tenants stop and go together; the order is one, so that no two wait in a ring. */
async function auditEverywhere(tx: Transaction, action: string, after: object): Promise<void> {
  for (const { tenantId } of await tenantsOf(tx)) {
    await audit(tx, tenantId, { action, subject: 'installation', after });
  }
}

/** Whether any process may still be calling Stripe. */
export async function isSending(db: Queryable): Promise<boolean> {
  const rows = await db.query(
    `SELECT FROM push WHERE status = 'sending' AND lease_until > clock_timestamp() LIMIT 1`,
  );
  return rows.length > 0;
}

export async function tenantsOf(db: Queryable): Promise<{ tenantId: string; name: string }[]> {
  return db.query('SELECT tenant_id AS "tenantId", name FROM tenant ORDER BY tenant_no');
}
