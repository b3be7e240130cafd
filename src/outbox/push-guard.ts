import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';

/** Why nothing may be pushed from this database. */
export type PushStop =
  /** Another cluster, or another database in it, than the one that pushed: a restored copy. */
  | 'another_database'
  /** The cluster went back in its history, or a standby took over. */
  | 'another_timeline'
  /** What Stripe holds is being read back. */
  | 'restoring';

export const PUSH_STOP_DETAILS: Readonly<Record<PushStop, string>> = {
  another_database:
    'this database is a copy of the one that pushed before: run `countonce restored`, which reads ' +
    'back what Stripe has got since the copy was made',
  another_timeline:
    'the database was recovered or a standby took over: what Stripe has got is read back before ' +
    'anything is pushed',
  restoring: 'what Stripe has got is being read back after a restore',
};

/** Where a database lives. A dump that is loaded, or a copy, has another one. */
export interface Residence {
  /** The cluster's system identifier and the database's number in it. */
  readonly cluster: string;
  /** Rises when a cluster is recovered to a point in time or a standby is promoted. */
  readonly timeline: number;
}

interface Installation {
  readonly cluster: string | null;
  readonly timeline: number | null;
  readonly restoringSince: Micros | null;
}

const CURRENT = `
  SELECT (SELECT system_identifier FROM pg_control_system())::text || '/'
           || (SELECT oid FROM pg_database WHERE datname = current_database())::text AS "cluster",
         (SELECT timeline_id FROM pg_control_checkpoint()) AS "timeline"`;

const KNOWN = `SELECT cluster, timeline, restoring_since AS "restoringSince" FROM installation`;

const REMEMBER = `UPDATE installation SET cluster = $1, timeline = $2 WHERE cluster IS NULL`;

export async function currentResidence(db: Queryable): Promise<Residence> {
  const [residence] = await db.query<Residence>(CURRENT);
  return residence!;
}

/**
 * Whether pushes may be planned and sent. Asked behind the gate, in the transaction that plans or
 * claims: a restoration that begins passes through every tenant's gate, so none is on its way then.
 * The first to ask remembers where the database lives.
 *
 * @returns Nothing where they may.
 */
export async function pushStop(db: Queryable): Promise<PushStop | undefined> {
  const current = await currentResidence(db);
  let [known] = await db.query<Installation>(KNOWN);
  if (known?.cluster === null) {
    await db.query(REMEMBER, [current.cluster, current.timeline]);
    [known] = await db.query<Installation>(KNOWN);
  }
  if (known === undefined) throw new Error('the installation has no row');
  if (known.restoringSince !== null) return 'restoring';
  if (known.cluster !== current.cluster) return 'another_database';
  return known.timeline === current.timeline ? undefined : 'another_timeline';
}
