import { randomUUID } from 'node:crypto';
import type { Queryable, Transaction } from '../database/connections.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { scopeParameters, type ReplayScope } from './period-keys.store.js';

export const REPLAY_MODES = ['verify', 'apply', 'revert'] as const;
export type ReplayMode = (typeof REPLAY_MODES)[number];

export const REPLAY_PHASES = ['periods', 'registry', 'changes', 'done'] as const;
export type ReplayPhase = (typeof REPLAY_PHASES)[number];

export interface Replay extends ReplayScope {
  readonly id: string;
  readonly mode: ReplayMode;
  readonly reverts: string | null;
  readonly revertedBy: string | null;
  readonly customerId: string | null;
  readonly phase: ReplayPhase;
  readonly position: Readonly<Record<string, unknown>> | null;
  readonly periods: number;
  readonly checkedPeriods: number;
  readonly checkedStatements: number;
  readonly checkedEntries: number;
  readonly checkedTotals: number;
  readonly checkedKeys: number;
  readonly differences: number;
  readonly changes: number;
  readonly createdAt: Micros;
  readonly finishedAt: Micros | null;
  /** Whether somebody is at work on it. */
  readonly leased: boolean;
}

/** What one transaction adds to a replay. */
export interface Progress {
  readonly phase: ReplayPhase;
  readonly position: Readonly<Record<string, unknown>> | null;
  readonly periods?: number;
  readonly statements?: number;
  readonly entries?: number;
  readonly totals?: number;
  readonly keys?: number;
  readonly differences?: number;
  readonly changes?: number;
}

/** Somebody else has taken the replay over: what this process was about to write is void. */
export class LostLease extends Error {}

/** Whoever dies is taken over after it. */
const LEASE = `interval '1 minute'`;
/** How often whoever lives renews it: a chunk may take longer than a lease. */
export const RENEW_EVERY_MS = 15_000;

const COLUMNS = `
  r.replay_id AS "id", r.mode, r.reverts, v.replay_id AS "revertedBy", c.customer_id AS "customerId",
  r.customer_no AS "customerNo", r.from_at AS "from", r.to_at AS "to", r.phase, r.position,
  r.periods, r.checked_periods AS "checkedPeriods", r.checked_statements AS "checkedStatements",
  r.checked_entries AS "checkedEntries", r.checked_totals AS "checkedTotals",
  r.checked_keys AS "checkedKeys", r.differences, r.changes, r.created_at AS "createdAt",
  r.finished_at AS "finishedAt", coalesce(r.lease_until > clock_timestamp(), false) AS "leased"`;

export async function insertReplay(
  db: Queryable,
  tenantId: string,
  replay: {
    readonly mode: ReplayMode;
    readonly reverts: string | null;
    readonly byCommand: boolean;
    readonly scope: ReplayScope;
    readonly periods: number;
  },
): Promise<string> {
  const id = randomUUID();
  await db.query(
    `INSERT INTO replay (tenant_id, customer_no, from_at, to_at, replay_id, mode, reverts,
            by_command, phase, periods)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      ...scopeParameters(tenantId, replay.scope),
      id,
      replay.mode,
      replay.reverts,
      replay.byCommand,
      replay.mode === 'revert' ? 'changes' : 'periods',
      replay.periods,
    ],
  );
  return id;
}

export async function replayById(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<Replay | undefined> {
  const [replay] = await db.query<Replay>(
    `SELECT ${COLUMNS} FROM replay r
       LEFT JOIN replay v ON v.tenant_id = r.tenant_id AND v.reverts = r.replay_id
       LEFT JOIN customer c ON c.tenant_id = r.tenant_id AND c.customer_no = r.customer_no
      WHERE r.tenant_id = $1 AND r.replay_id = $2`,
    [tenantId, id],
  );
  return replay;
}

/** Replays of all tenants that were asked for over HTTP and that nobody is at work on. */
export async function waitingReplays(db: Queryable): Promise<{ tenantId: string; id: string }[]> {
  return db.query(
    `SELECT tenant_id AS "tenantId", replay_id AS "id" FROM replay
      WHERE finished_at IS NULL AND NOT by_command
        AND (lease_until IS NULL OR lease_until < clock_timestamp())
      ORDER BY created_at LIMIT 20`,
  );
}

/** @returns The fence to work behind; nothing where another process has the replay, or it has ended. */
export async function claimReplay(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<number | undefined> {
  const now = formatInstantMicros(await timeOfDay(db));
  const [row] = await db.query<{ fence: number }>(
    `UPDATE replay SET lease_until = $3::timestamptz + ${LEASE}, fence = fence + 1
      WHERE tenant_id = $1 AND replay_id = $2 AND finished_at IS NULL
        AND (lease_until IS NULL OR lease_until < $3)
     RETURNING fence`,
    [tenantId, id, now],
  );
  return row?.fence;
}

export async function renewLease(
  db: Queryable,
  tenantId: string,
  id: string,
  fence: number,
): Promise<void> {
  const now = formatInstantMicros(await timeOfDay(db));
  await db.query(
    `UPDATE replay SET lease_until = $4::timestamptz + ${LEASE}
      WHERE tenant_id = $1 AND replay_id = $2 AND fence = $3`,
    [tenantId, id, fence, now],
  );
}

/** Lets another process go on at once. */
export async function releaseReplay(
  db: Queryable,
  tenantId: string,
  id: string,
  fence: number,
): Promise<void> {
  await db.query(
    'UPDATE replay SET lease_until = NULL WHERE tenant_id = $1 AND replay_id = $2 AND fence = $3',
    [tenantId, id, fence],
  );
}

/**
 * Writes down how far a replay has come, in the transaction that did it.
 *
 * @returns How many differences it had before.
 * @throws LostLease
 */
export async function advanceReplay(
  tx: Transaction,
  tenantId: string,
  id: string,
  fence: number,
  progress: Progress,
): Promise<number> {
  const now = formatInstantMicros(await timeOfDay(tx));
  const [row] = await tx.query<{ differences: number }>(
    `UPDATE replay
        SET phase = $4, position = $5, checked_periods = checked_periods + $6,
            checked_statements = checked_statements + $7, checked_entries = checked_entries + $8,
            checked_totals = checked_totals + $9, checked_keys = checked_keys + $10,
            differences = differences + $11, changes = changes + $12,
            lease_until = $13::timestamptz + ${LEASE},
            finished_at = CASE WHEN $4 = 'done' THEN $13::timestamptz END
      WHERE tenant_id = $1 AND replay_id = $2 AND fence = $3 AND finished_at IS NULL
     RETURNING differences`,
    [
      tenantId,
      id,
      fence,
      progress.phase,
      progress.position === null ? null : JSON.stringify(progress.position),
      progress.periods ?? 0,
      progress.statements ?? 0,
      progress.entries ?? 0,
      progress.totals ?? 0,
      progress.keys ?? 0,
      progress.differences ?? 0,
      progress.changes ?? 0,
      now,
    ],
  );
  if (row === undefined) throw new LostLease();
  return row.differences - (progress.differences ?? 0);
}

/** Ends a replay where it is. Nobody is at work on it. @returns Whether it was so. */
export async function stopReplay(db: Queryable, tenantId: string, id: string): Promise<boolean> {
  const now = formatInstantMicros(await timeOfDay(db));
  const rows = await db.query(
    `UPDATE replay SET finished_at = $3::timestamptz, fence = fence + 1
      WHERE tenant_id = $1 AND replay_id = $2 AND finished_at IS NULL
        AND (lease_until IS NULL OR lease_until < $3)
     RETURNING replay_id`,
    [tenantId, id, now],
  );
  return rows.length > 0;
}
