import type { Micros } from '../domain/instant.js';
import { keepPlan, sqlState, type Connections, type Transaction } from './connections.js';

/**
 * The gate of a tenant: an advisory lock that recorders share and that whoever changes what a
 * recorded event becomes (a close, a schedule, a meter, a mapping) takes alone.
 *
 * Not a row lock: newcomers' FOR SHARE overtakes a waiting FOR UPDATE, and a close starved for
 * 25-58 s under load. The lock and what is read behind it are two statements, since a statement's
 * snapshot is older than the lock it waits for.
 */
const GATE_NAMESPACE = 1_131_376_461;
/** How long one try for the closed gate may keep new recorders waiting; then longer, try by try. */
const LOCK_TIMEOUTS_MS = [100, 400, 1_600] as const;
const GATE_WAIT_MAX_MS = 60_000;

/** What a recorder must read behind the gate before it believes anything it computed before. */
export interface GateState {
  readonly gateVersion: number;
  /** Every period that ends by this instant is closed. */
  readonly closedThrough: Micros;
  /** Every period that ends by this instant and is not a backfill is closed. */
  readonly clockClosedThrough: Micros;
  /** The tenant's now: the database's, moved by the test clock. */
  readonly now: Micros;
  /** The database's now, of the same reading: where no test clock is set, the two are equal. */
  readonly receivedAt: Micros;
  /** When the server started: another one, which took over, may lack what this one had committed. */
  readonly serverStart: Micros;
}

const LOCK_SHARED = `SELECT pg_advisory_xact_lock_shared(${GATE_NAMESPACE}, tenant_no) FROM tenant WHERE tenant_id = $1`;

const READ_STATE = keepPlan(`
  SELECT gate_version AS "gateVersion", closed_through AS "closedThrough",
         clock_closed_through AS "clockClosedThrough",
         clock.at + clock_offset_micros * interval '1 microsecond' AS "now",
         clock.at AS "receivedAt", pg_postmaster_start_time() AS "serverStart"
    FROM tenant, (SELECT clock_timestamp() AS at) clock WHERE tenant_id = $1`);

export async function enterGate(tx: Transaction, tenantId: string): Promise<GateState> {
  await tx.query(LOCK_SHARED, [tenantId]);
  return readGate(tx, tenantId);
}

export async function readGate(
  db: { query: Transaction['query'] },
  tenantId: string,
): Promise<GateState> {
  return known(await db.query<GateState>(READ_STATE, [tenantId]));
}

/** Runs `work` in a transaction that asks to enter the gate before it knows that it has begun. */
export function behindOpenGate<T>(
  connections: Connections,
  tenantId: string,
  work: (tx: Transaction, gate: GateState) => Promise<T>,
): Promise<T> {
  const opening = [LOCK_SHARED, READ_STATE].map((sql) => ({ sql, parameters: [tenantId] }));
  return connections.openedTransaction<GateState, T>(opening, (tx, rows) => work(tx, known(rows)));
}

function known([state]: readonly GateState[]): GateState {
  if (state === undefined) throw new Error('no such tenant');
  return state;
}

/**
 * Runs `work` while no recorder is between its gate and its commit, and raises the gate's version,
 * so that what recorders computed beforehand is computed again.
 *
 * While the exclusive lock waits, new recorders queue behind it; so it waits 100 ms at most and
 * then lets them pass before it tries again. Those that passed begin together: where they take
 * longer than the wait, no try of the same length would ever succeed (8 writers of 10,000 events on
 * two busy cores made a close wait 3.9 s), so the next ones are longer.
 */
export async function behindClosedGate<T>(
  connections: Connections,
  tenantId: string,
  work: (tx: Transaction, gate: GateState) => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + GATE_WAIT_MAX_MS;
  for (let attempt = 0; ; attempt++) {
    const lockTimeoutMs = LOCK_TIMEOUTS_MS[Math.min(attempt, LOCK_TIMEOUTS_MS.length - 1)]!;
    try {
      return await connections.transaction(async (tx) => {
        await tx.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
        await tx.query(
          `SELECT pg_advisory_xact_lock(${GATE_NAMESPACE}, tenant_no) FROM tenant WHERE tenant_id = $1`,
          [tenantId],
        );
        await tx.query('SET LOCAL lock_timeout = 0');
        const gate = await readGate(tx, tenantId);
        const result = await work(tx, gate);
        await tx.query('UPDATE tenant SET gate_version = gate_version + 1 WHERE tenant_id = $1', [
          tenantId,
        ]);
        return result;
      });
    } catch (error) {
      if (sqlState(error) !== '55P03' || Date.now() > deadline) throw error;
      await new Promise((resume) => setTimeout(resume, 5 + Math.random() * 20));
    }
  }
}
