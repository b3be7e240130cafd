import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { PushTargetName } from '../config/config.js';
import type { PushBody } from '../stripe/push-target.js';
import type { Attempted } from './push-settlement.js';

/** A push that this process alone may send until its lease runs out. */
export interface ClaimedPush extends PushBody, Attempted {
  readonly fence: number;
  readonly firstAttemptAt: Micros;
  readonly lastAttemptAt: Micros;
  /** What it goes back to where it is not sent after all. */
  readonly before: Before;
}

interface Before {
  readonly dueAt: Micros;
  readonly firstAttemptAt: Micros | null;
  readonly lastAttemptAt: Micros | null;
}

/** Longer than a call can take, its time in the queue for a turn included. */
export const LEASE_S = 120;

/** A sender that lost its lease, or its life, may have called: nobody knows. */
const EXPIRE = `
  WITH lapsed AS MATERIALIZED (
    SELECT identifier FROM push
     WHERE tenant_id = $1 AND status = 'sending' AND lease_until < $2
     ORDER BY identifier FOR NO KEY UPDATE SKIP LOCKED
  ), expired AS (
    UPDATE push p
       SET status = 'unknown', reason = 'lease_expired', unknown_attempts = unknown_attempts + 1,
           lease_until = NULL, next_attempt_at = $2, transition_no = transition_no + 1
      FROM lapsed l
     WHERE p.tenant_id = $1 AND p.identifier = l.identifier AND p.status = 'sending'
    RETURNING p.identifier, p.transition_no
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, e.identifier, e.transition_no, 'sending', 'unknown', 'lease_expired', $2
    FROM expired e
  RETURNING 1`;

/** By their names alone, so that no other index than theirs comes into question. */
const LOCK = `
  SELECT p.identifier, p.status AS "fromStatus", p.next_attempt_at AS "dueAt",
         p.first_attempt_at AS "firstAttemptAt", p.last_attempt_at AS "lastAttemptAt"
    FROM push p
   WHERE p.tenant_id = $1 AND p.identifier = ANY ($2::text[])
     AND p.status IN ('pending', 'unknown') AND p.next_attempt_at IS NOT NULL
   ORDER BY p.identifier
     FOR UPDATE SKIP LOCKED`;

/**
 * No call before this one can have executed a pending push: the window begins anew, and it may take
 * another way than before.
 */
const CLAIM = `
  WITH claimed AS (
    UPDATE push p
       SET status = 'sending', fence = p.fence + 1, attempts = p.attempts + 1, lease_until = $5,
           first_attempt_at = CASE WHEN p.status = 'unknown' THEN coalesce(p.first_attempt_at, $4)
                                   ELSE $4 END,
           clock_offset_micros = CASE WHEN p.status = 'unknown' THEN p.clock_offset_micros
                                      ELSE $7 END,
           target = CASE WHEN p.status = 'unknown' THEN p.target ELSE $6 END,
           last_attempt_at = $4, transition_no = p.transition_no + 1
      FROM unnest($2::text[], $3::text[]) AS k (identifier, from_status)
     WHERE p.tenant_id = $1 AND p.identifier = ANY ($2::text[]) AND p.identifier = k.identifier
    RETURNING p.*, k.from_status
  ), noted AS (
    INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, at)
    SELECT $1, c.identifier, c.transition_no, c.from_status, 'sending', $4 FROM claimed c
    RETURNING 1
  )
  SELECT identifier, event_name AS "eventName", customer_key AS "customerKey",
         stripe_customer_id AS "stripeCustomerId", value_key AS "valueKey",
         trim_scale(value)::text AS "value", "timestamp", from_status AS "fromStatus", reason,
         key_no AS "keyNo", attempts, unknown_attempts AS "unknownAttempts",
         last_error AS "lastError", fence, first_attempt_at AS "firstAttemptAt",
         last_attempt_at AS "lastAttemptAt"
    FROM claimed`;

/** Another claim of the same push has another fence, or another time. */
const CLAIMED = `
  SELECT p.identifier
    FROM push p
    JOIN unnest($2::text[], $3::bigint[], $4::timestamptz[]) AS k (identifier, fence, claimed_at)
      ON k.identifier = p.identifier AND k.fence = p.fence AND k.claimed_at = p.last_attempt_at
   WHERE p.tenant_id = $1 AND p.identifier = ANY ($2::text[]) AND p.status = 'sending'`;

interface LockedPush extends Before {
  readonly identifier: string;
  readonly fromStatus: 'pending' | 'unknown';
}

export interface ClaimRequest {
  readonly target: PushTargetName;
  /** The database's time of day. */
  readonly now: Micros;
  /** The tenant's now less that. */
  readonly clockOffsetMicros: number;
  /** What was put off past this is left. */
  readonly dueBy: Micros;
}

/** Has pushes whose lease ran out count as unknown, but for those that somebody is settling just then. */
export async function expireLeases(tx: Transaction, tenantId: string, now: Micros): Promise<void> {
  await tx.query(EXPIRE, [tenantId, formatInstantMicros(now)]);
}

/** Takes pushes, those that wait still, in the order given; the commit of `tx` comes before any call. */
export async function claimPushes(
  tx: Transaction,
  tenantId: string,
  identifiers: readonly string[],
  { target, now, clockOffsetMicros, dueBy }: ClaimRequest,
): Promise<ClaimedPush[]> {
  if (identifiers.length === 0) return [];
  const locked = await tx.query<LockedPush>(LOCK, [tenantId, identifiers]);
  // Another sender may have had it meanwhile, and put it off.
  const due = locked.filter(({ dueAt }) => dueAt <= dueBy);
  const claimed = await tx.query<Omit<ClaimedPush, 'before'>>(CLAIM, [
    tenantId,
    due.map(({ identifier }) => identifier),
    due.map(({ fromStatus }) => fromStatus),
    formatInstantMicros(now),
    formatInstantMicros(now + LEASE_S * MICROS_PER_SECOND),
    target,
    clockOffsetMicros,
  ]);
  const before = new Map(due.map((push) => [push.identifier, push]));
  const places = new Map(identifiers.map((identifier, place) => [identifier, place]));
  return claimed
    .map((push) => ({ ...push, before: before.get(push.identifier)! }))
    .sort((a, b) => places.get(a.identifier)! - places.get(b.identifier)!);
}

/** Of pushes whose claim may have been committed or not, those that were claimed. */
export async function stillClaimed(
  db: Queryable,
  tenantId: string,
  pushes: readonly ClaimedPush[],
): Promise<ClaimedPush[]> {
  const rows = await db.query<{ identifier: string }>(CLAIMED, [
    tenantId,
    pushes.map(({ identifier }) => identifier),
    pushes.map(({ fence }) => fence),
    pushes.map(({ lastAttemptAt }) => formatInstantMicros(lastAttemptAt)),
  ]);
  const claimed = new Set(rows.map(({ identifier }) => identifier));
  return pushes.filter(({ identifier }) => claimed.has(identifier));
}
