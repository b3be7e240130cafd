import type { Queryable, Transaction } from '../database/connections.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { InvoiceCheck } from './invoice-check.js';
import type { LaneReading, ReadVerdict } from './lane-reading.js';

/** Which lanes are asked for; nothing stands for all. */
export interface ReconciliationScope {
  readonly customerNo: number | null;
  readonly meterNo: number | null;
  readonly periodStart: Micros | null;
}

export const RECONCILIATION_CAUSES = ['request', 'close', 'sample'] as const;
export type ReconciliationCause = (typeof RECONCILIATION_CAUSES)[number];

export interface Reconciliation {
  readonly id: string;
  readonly cause: ReconciliationCause;
  readonly lanes: number;
  readonly done: number;
  readonly matched: number;
  readonly lagging: number;
  readonly drift: number;
  readonly unreadable: number;
  readonly createdAt: Micros;
  readonly finishedAt: Micros | null;
  readonly repairedAt: Micros | null;
}

/** Whoever runs a reconciliation, until the lease ends. */
export interface ReconciliationLease {
  readonly fence: number;
  readonly cause: ReconciliationCause;
}

/** What was found of one lane. */
export interface LaneResult {
  readonly verdict: ReadVerdict;
  readonly why: string | null;
  readonly reading: LaneReading | undefined;
  readonly invoice: InvoiceCheck | null;
  readonly state: string;
}

/** Longer than reading one lane takes. */
const LEASE = `interval '5 minutes'`;

const SELECT = `
  SELECT r.reconciliation_id AS "id", r.cause, r.lanes, r.created_at AS "createdAt",
         r.finished_at AS "finishedAt", r.repaired_at AS "repairedAt",
         count(l.verdict) AS "done",
         count(*) FILTER (WHERE l.verdict = 'matched') AS "matched",
         count(*) FILTER (WHERE l.verdict = 'lagging') AS "lagging",
         count(*) FILTER (WHERE l.verdict = 'drift') AS "drift",
         count(*) FILTER (WHERE l.verdict = 'unreadable') AS "unreadable"
    FROM reconciliation r
    LEFT JOIN reconciliation_lane l
      ON l.tenant_id = r.tenant_id AND l.reconciliation_id = r.reconciliation_id
   WHERE r.tenant_id = $1`;

const CLAIM = `
  UPDATE reconciliation SET lease_until = $3::timestamptz + ${LEASE}, fence = fence + 1
   WHERE tenant_id = $1 AND reconciliation_id = $2 AND finished_at IS NULL
     AND (lease_until IS NULL OR lease_until < $3)
  RETURNING fence, cause`;

const RENEW = `
  UPDATE reconciliation SET lease_until = $4::timestamptz + ${LEASE}
   WHERE tenant_id = $1 AND reconciliation_id = $2 AND fence = $3 AND finished_at IS NULL
  RETURNING fence`;

const STORE = `
  UPDATE reconciliation_lane
     SET verdict = $4, why = $5, ours = $6, unsettled = $7, stripe = $8, drift = $8::numeric - $6::numeric,
         hours = $9, differences = $10, invoice = $11, state = $12, read_at = $13
   WHERE tenant_id = $1 AND reconciliation_id = $2 AND lane_no = $3 AND verdict IS NULL`;

export async function reconciliationById(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<Reconciliation | undefined> {
  const [row] = await db.query<Reconciliation>(
    `${SELECT} AND r.reconciliation_id = $2 GROUP BY r.tenant_id, r.reconciliation_id`,
    [tenantId, id],
  );
  return row;
}

/** The newest first. */
export async function listReconciliations(
  db: Queryable,
  tenantId: string,
  after: readonly string[] | undefined,
  limit: number,
): Promise<Reconciliation[]> {
  return db.query<Reconciliation>(
    `${SELECT} AND ($2::timestamptz IS NULL OR (r.created_at, r.reconciliation_id) < ($2, $3::uuid))
      GROUP BY r.tenant_id, r.reconciliation_id
      ORDER BY r.created_at DESC, r.reconciliation_id DESC LIMIT $4`,
    [tenantId, after?.[0] ?? null, after?.[1] ?? null, limit],
  );
}

/** Reconciliations of all tenants that nobody is at work on. */
export async function abandonedReconciliations(
  db: Queryable,
): Promise<{ tenantId: string; id: string }[]> {
  return db.query(
    `SELECT tenant_id AS "tenantId", reconciliation_id AS "id" FROM reconciliation
      WHERE finished_at IS NULL AND (lease_until IS NULL OR lease_until < clock_timestamp())
      ORDER BY created_at LIMIT 20`,
  );
}

/** @returns Nothing where another process has it. */
export async function claimReconciliation(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<ReconciliationLease | undefined> {
  const now = await timeOfDay(db);
  const [lease] = await db.query<ReconciliationLease>(CLAIM, [
    tenantId,
    id,
    formatInstantMicros(now),
  ]);
  return lease;
}

/** @returns Whether the lease is still ours; it is made longer. */
export async function renewLease(
  tx: Transaction,
  tenantId: string,
  id: string,
  { fence }: ReconciliationLease,
  now: Micros,
): Promise<boolean> {
  return (await tx.query(RENEW, [tenantId, id, fence, formatInstantMicros(now)])).length > 0;
}

/** Lets another process go on at once. */
export async function releaseLease(
  db: Queryable,
  tenantId: string,
  id: string,
  { fence }: ReconciliationLease,
): Promise<void> {
  await db.query(
    `UPDATE reconciliation SET lease_until = NULL
      WHERE tenant_id = $1 AND reconciliation_id = $2 AND fence = $3`,
    [tenantId, id, fence],
  );
}

export async function storeLane(
  tx: Transaction,
  tenantId: string,
  id: string,
  laneNo: number,
  { verdict, why, reading, invoice, state }: LaneResult,
  now: Micros,
): Promise<void> {
  await tx.query(STORE, [
    tenantId,
    id,
    laneNo,
    verdict,
    why,
    reading?.ours ?? null,
    reading?.unsettled ?? null,
    reading?.stripe ?? null,
    reading === undefined ? null : JSON.stringify(reading.hours),
    reading === undefined ? null : JSON.stringify(reading.differences),
    invoice === null ? null : JSON.stringify(invoice),
    state,
    formatInstantMicros(now),
  ]);
}

export async function finishReconciliation(
  db: Queryable,
  tenantId: string,
  id: string,
  { fence }: ReconciliationLease,
): Promise<void> {
  const now = await timeOfDay(db);
  await db.query(
    `UPDATE reconciliation SET finished_at = $4, lease_until = NULL
      WHERE tenant_id = $1 AND reconciliation_id = $2 AND fence = $3`,
    [tenantId, id, fence, formatInstantMicros(now)],
  );
}
