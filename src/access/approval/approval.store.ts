import type { Queryable, Transaction } from '../../database/connections.js';
import { tenantIds } from '../../database/tenant-ids.js';
import { timeOfDay } from '../../database/time-of-day.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../../domain/instant.js';
import type { Scope } from '../scope.js';
import type { GuardedCommand } from './guarded-command.js';

export const APPROVAL_STATES = ['requested', 'approved', 'refused', 'used', 'expired'] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** What makes two requests one: the same from the same line of keys, whatever it was sent for. */
export interface RequestIdentity {
  readonly tenantId: string;
  readonly keyLine: string;
  /** Method and pattern. */
  readonly route: string;
  readonly hash: Buffer;
  /** `''`: it was sent without one. */
  readonly idempotencyKey: string;
}

/** A request that needs an approval, as far as it may be kept. */
export interface NewApproval extends RequestIdentity {
  readonly id: string;
  readonly command: GuardedCommand;
  readonly scope: Scope;
  readonly requestedBy: string;
  /** As JSON. */
  readonly parameters: string;
  readonly query: string;
  readonly body: string | null;
  readonly hiddenMembers: string;
}

/** An approval that waits, or that was given and not used yet. */
export interface OpenApproval {
  readonly id: string;
  readonly state: 'requested' | 'approved';
  readonly expiresAt: Micros;
}

/** How long there is to decide and to use it. */
export const APPROVAL_LIFE: Micros = 86_400 * MICROS_PER_SECOND;
/** How long one is kept; the audit tells of it for good. */
const KEPT: Micros = 30 * APPROVAL_LIFE;
const FORGOTTEN_AT_ONCE = 1_000;

const IDENTITY = `a.tenant_id = $1 AND a.key_line = $2 AND a.route = $3
       AND a.request_hash = $4 AND a.idempotency_key = $5`;

/**
 * Whether one that is open is over by an instant: nobody decided or used it in time, the key that
 * approved it is revoked or expired, or so are all of the line that asked for it, or one of the two is
 * another key by now, made under the same id: that is BOOTSTRAP_API_KEY. `$1` is the tenant.
 */
export function lapsedBy(now: '$2' | '$7' | 'clock_timestamp()'): string {
  return `(a.expires_at <= ${now} OR EXISTS (
       SELECT FROM api_key k
        WHERE k.tenant_id = $1 AND k.key_id = a.decided_by
          AND (k.revoked_at IS NOT NULL OR k.expires_at <= ${now} OR k.created_at > a.decided_at))
     OR EXISTS (
       SELECT FROM api_key k
        WHERE k.tenant_id = $1 AND k.key_id = a.requested_by AND k.created_at > a.created_at)
     OR NOT EXISTS (
       WITH RECURSIVE line AS (
         SELECT k.replaced_by, k.revoked_at, k.expires_at FROM api_key k
          WHERE k.tenant_id = $1 AND k.key_id = a.key_line
         UNION ALL
         SELECT k.replaced_by, k.revoked_at, k.expires_at
           FROM line l JOIN api_key k ON k.tenant_id = $1 AND k.key_id = l.replaced_by)
       SELECT FROM line
        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now})))`;
}

const OPEN = `
  SELECT a.approval_id AS id, a.state, a.expires_at AS "expiresAt"
    FROM approval a
   WHERE ${IDENTITY} AND a.state IN ('requested', 'approved')
     AND NOT ${lapsedBy('clock_timestamp()')}`;

const HELD = `
  SELECT FROM approval a WHERE ${IDENTITY} AND a.state IN ('requested', 'approved')`;

const INSERT = `
  INSERT INTO approval (tenant_id, key_line, route, request_hash, idempotency_key, approval_id,
                        command, scope, requested_by, parameters, query, body, hidden_members,
                        state, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'requested', $14, $15)
  ON CONFLICT (tenant_id, key_line, route, request_hash, idempotency_key)
        WHERE state IN ('requested', 'approved')
        DO NOTHING
  RETURNING approval_id AS id, state, expires_at AS "expiresAt"`;

const USE = `
  UPDATE approval a SET state = 'used', used_by = $6, used_at = $7
   WHERE ${IDENTITY} AND a.state = 'approved' AND NOT ${lapsedBy('$7')}
  RETURNING a.approval_id AS id, a.decided_by AS "approvedBy"`;

const USED = `
  SELECT a.approval_id AS id, a.decided_by AS "approvedBy"
    FROM approval a
   WHERE ${IDENTITY} AND a.state = 'used'
   ORDER BY a.used_at DESC LIMIT 1`;

function identityOf(request: RequestIdentity): unknown[] {
  return [request.tenantId, request.keyLine, request.route, request.hash, request.idempotencyKey];
}

export async function openApproval(
  db: Queryable,
  request: RequestIdentity,
): Promise<OpenApproval | undefined> {
  return (await db.query<OpenApproval>(OPEN, identityOf(request)))[0];
}

/** Whether a request has one that is over and not closed yet, as another transaction holds it. */
export async function isHeldElsewhere(tx: Transaction, request: RequestIdentity): Promise<boolean> {
  return (await tx.query(HELD, identityOf(request))).length > 0;
}

/** @returns Nothing where the same request has one that is open. */
export async function insertApproval(
  tx: Transaction,
  approval: NewApproval,
): Promise<OpenApproval | undefined> {
  const now = await timeOfDay(tx);
  const [row] = await tx.query<OpenApproval>(INSERT, [
    ...identityOf(approval),
    approval.id,
    approval.command,
    approval.scope,
    approval.requestedBy,
    approval.parameters,
    approval.query,
    approval.body,
    approval.hiddenMembers,
    formatInstantMicros(now),
    formatInstantMicros(now + APPROVAL_LIFE),
  ]);
  return row;
}

/** What a command holds that runs under it is left for another time, as nobody may wait for that. */
const LAPSE = `
  WITH ended AS MATERIALIZED (
    SELECT a.approval_id FROM approval a
     WHERE a.tenant_id = $1 AND a.state IN ('requested', 'approved') AND ${lapsedBy('$2')}
     ORDER BY a.approval_id FOR UPDATE SKIP LOCKED)
  UPDATE approval a SET state = 'expired'
    FROM ended
   WHERE a.tenant_id = $1 AND a.approval_id = ended.approval_id`;

const FORGET = `
  WITH old AS MATERIALIZED (
    SELECT approval_id FROM approval
     WHERE tenant_id = $1 AND created_at < $2
     ORDER BY approval_id LIMIT $3 FOR UPDATE SKIP LOCKED)
  DELETE FROM approval a
   USING old
   WHERE a.tenant_id = $1 AND a.approval_id = old.approval_id
  RETURNING 1`;

/**
 * Closes what is over, and forgets some of what is older than what is kept.
 *
 * @returns Whether there may be more to forget.
 */
export async function clearApprovals(tx: Transaction, tenantId: string): Promise<boolean> {
  const now = await timeOfDay(tx);
  await tx.query(LAPSE, [tenantId, formatInstantMicros(now)]);
  const oldest = formatInstantMicros(now - KEPT);
  return (await tx.query(FORGET, [tenantId, oldest, FORGOTTEN_AT_ONCE])).length > 0;
}

/** In one order for all who wait for several. */
const EXPIRE_UNGUARDED = `
  WITH ended AS MATERIALIZED (
    SELECT approval_id FROM approval
     WHERE tenant_id = $1 AND state IN ('requested', 'approved') AND command <> ALL ($2::text[])
     ORDER BY approval_id FOR UPDATE)
  UPDATE approval a SET state = 'expired'
    FROM ended
   WHERE a.tenant_id = $1 AND a.approval_id = ended.approval_id`;

/** Closes what is open of commands that need no approval any more: it is not to be used another time. */
export async function expireUnguarded(
  tx: Transaction,
  tenantId: string,
  guarded: readonly GuardedCommand[],
): Promise<void> {
  await tx.query(EXPIRE_UNGUARDED, [tenantId, guarded]);
}

/** What waits was asked for within the life of an approval. */
const COUNT_ASKED_FOR = `
  SELECT count(*) AS made,
         count(*) FILTER (WHERE a.state = 'requested' AND NOT ${lapsedBy('$2')}) AS waiting
    FROM approval a
   WHERE a.tenant_id = $1 AND a.key_line = $3 AND a.created_at > $4`;

/** Tenants with approvals that are older than what is kept. */
export async function tenantsToClear(db: Queryable): Promise<string[]> {
  return tenantIds(
    db,
    `SELECT t.tenant_id AS "tenantId" FROM tenant t
      WHERE EXISTS (SELECT FROM approval a
                     WHERE a.tenant_id = t.tenant_id AND a.created_at < $1)`,
    [formatInstantMicros((await timeOfDay(db)) - KEPT)],
  );
}

/** How much a line of keys has asked for in the last 24 hours, and how much of that waits. */
export async function countAskedFor(
  tx: Transaction,
  { tenantId, keyLine }: RequestIdentity,
): Promise<{ readonly made: number; readonly waiting: number }> {
  const now = await timeOfDay(tx);
  const [row] = await tx.query<{ made: number; waiting: number }>(COUNT_ASKED_FOR, [
    tenantId,
    formatInstantMicros(now),
    keyLine,
    formatInstantMicros(now - APPROVAL_LIFE),
  ]);
  return row!;
}

/** An approval that a request runs under. */
interface Used {
  readonly id: string;
  readonly approvedBy: string;
}

/** Uses an approval up. @returns Nothing where there is none, or another was faster. */
export async function useApproval(
  tx: Transaction,
  request: RequestIdentity,
  keyId: string,
): Promise<Used | undefined> {
  const now = formatInstantMicros(await timeOfDay(tx));
  return (await tx.query<Used>(USE, [...identityOf(request), keyId, now]))[0];
}

/** What the same request has used before. */
export async function usedApproval(
  db: Queryable,
  request: RequestIdentity,
): Promise<Used | undefined> {
  return (await db.query<Used>(USED, identityOf(request)))[0];
}
