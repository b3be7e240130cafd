import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../database/connections.js';
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
   WHERE restoring_since IS NOT NULL`;

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
export async function beginRestoration(db: Queryable, now: Micros): Promise<void> {
  await db.query(BEGIN, [randomUUID(), formatInstantMicros(now)]);
}

/** From here on pushes go, from where the database is now. */
export async function finishRestoration(db: Queryable, now: Micros): Promise<void> {
  const { cluster, timeline } = await currentResidence(db);
  await db.query(FINISH, [cluster, timeline, formatInstantMicros(now)]);
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
