import type { Queryable, Transaction } from '../../database/connections.js';
import { timeOfDay } from '../../database/time-of-day.js';
import { formatInstantMicros, type Micros } from '../../domain/instant.js';
import type { Scope } from '../scope.js';
import { lapsedBy, type ApprovalState } from './approval.store.js';
import type { GuardedCommand } from './guarded-command.js';

/** An approval without what is to be approved, which may be long: as lists have it. */
export interface ApprovalSummaryRow {
  readonly id: string;
  readonly command: GuardedCommand;
  readonly scope: Scope;
  /** As it is now: `expired` where it is over, though the row does not say so yet. */
  readonly state: ApprovalState;
  readonly requestedBy: string;
  readonly keyLine: string;
  readonly createdAt: Micros;
  readonly expiresAt: Micros;
  readonly decidedBy: string | null;
  readonly decidedAt: Micros | null;
  readonly reason: string | null;
  readonly usedBy: string | null;
  readonly usedAt: Micros | null;
}

/** An approval as it is read by itself. */
export interface ApprovalRow extends ApprovalSummaryRow {
  readonly route: string;
  readonly parameters: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly hiddenMembers: readonly string[];
  readonly hash: Buffer;
  readonly idempotencyKey: string;
}

const STATE = `
  CASE WHEN a.state IN ('requested', 'approved') AND ${lapsedBy('clock_timestamp()')}
       THEN 'expired' ELSE a.state END`;

const SUMMARY = `
  approval_id AS id, command, scope, ${STATE} AS state,
  requested_by AS "requestedBy", key_line AS "keyLine", created_at AS "createdAt",
  expires_at AS "expiresAt", decided_by AS "decidedBy", decided_at AS "decidedAt", reason,
  used_by AS "usedBy", used_at AS "usedAt"`;

const COLUMNS = `${SUMMARY}, route, parameters, query, body, hidden_members AS "hiddenMembers",
  request_hash AS hash, idempotency_key AS "idempotencyKey"`;

/** @param scopes Of the commands to tell of. */
export async function listApprovals(
  db: Queryable,
  tenantId: string,
  filter: {
    readonly scopes: readonly Scope[];
    readonly state: ApprovalState | undefined;
    /** Of the last row of the page before. */
    readonly after: readonly string[] | undefined;
    readonly limit: number;
  },
): Promise<ApprovalSummaryRow[]> {
  const [createdAt, id] = filter.after ?? [];
  return db.query<ApprovalSummaryRow>(
    `SELECT ${SUMMARY} FROM approval a
      WHERE tenant_id = $1 AND scope = ANY ($2) AND ($3::text IS NULL OR ${STATE} = $3)
        AND ($4::timestamptz IS NULL OR (created_at, approval_id) < ($4, $5::uuid))
      ORDER BY created_at DESC, approval_id DESC LIMIT $6`,
    [tenantId, filter.scopes, filter.state ?? null, createdAt ?? null, id ?? null, filter.limit],
  );
}

export async function approvalById(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<ApprovalRow | undefined> {
  const [row] = await db.query<ApprovalRow>(
    `SELECT ${COLUMNS} FROM approval a WHERE a.tenant_id = $1 AND a.approval_id = $2`,
    [tenantId, id],
  );
  return row;
}

/** Locks an approval until the transaction ends. */
export async function lockApproval(
  tx: Transaction,
  tenantId: string,
  id: string,
): Promise<ApprovalSummaryRow | undefined> {
  const [row] = await tx.query<ApprovalSummaryRow>(
    `SELECT ${SUMMARY} FROM approval a WHERE a.tenant_id = $1 AND a.approval_id = $2 FOR UPDATE`,
    [tenantId, id],
  );
  return row;
}

/** Of an approval that is locked and waits. */
export async function decideApproval(
  tx: Transaction,
  tenantId: string,
  id: string,
  by: { readonly state: 'approved' | 'refused'; readonly keyId: string; readonly reason: string },
): Promise<void> {
  await tx.query(
    `UPDATE approval SET state = $3, decided_by = $4, decided_at = $5, reason = $6
      WHERE tenant_id = $1 AND approval_id = $2 AND state = 'requested'`,
    [tenantId, id, by.state, by.keyId, formatInstantMicros(await timeOfDay(tx)), by.reason],
  );
}
