import type { Queryable, Transaction } from '../database/connections.js';
import { enterGate } from '../database/gate.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { PushBody } from '../stripe/push-target.js';
import type { Attempted, Settlement } from './push-settlement.js';

/** A push that this process alone may send until its lease runs out. */
export interface ClaimedPush extends PushBody, Attempted {
  readonly fence: number;
}

/** Longer than a call can take, its time in the queue for a turn included. */
export const LEASE_S = 120;

/** A sender that lost its lease, or its life, may have called: nobody knows. */
const EXPIRE = `
  WITH expired AS (
    UPDATE push
       SET status = 'unknown', reason = 'lease_expired', unknown_attempts = unknown_attempts + 1,
           lease_until = NULL, next_attempt_at = $2, transition_no = transition_no + 1
     WHERE tenant_id = $1 AND status = 'sending' AND lease_until < $2
    RETURNING identifier, transition_no
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, e.identifier, e.transition_no, 'sending', 'unknown', 'lease_expired', $2
    FROM expired e`;

/**
 * Of each Stripe customer and event name one push at most, and none where one is on its way
 * (push_in_flight_key is the last word). A push goes only where its period's pushes still go: a
 * pending one not into a parked lane or under a mapping that has changed, an unknown one again only
 * within the window that Stripe remembers it.
 */
const CANDIDATES = `
  WITH first AS MATERIALIZED (
    SELECT DISTINCT ON (p.lane_id, p.status) p.lane_id, p.identifier, p.status, p.sequence,
           p.next_attempt_at, p.customer_no, p.meter_no, p.stripe_customer_id, p.event_name
      FROM push p
     WHERE p.tenant_id = $1 AND p.status IN ('pending', 'unknown') AND p.next_attempt_at <= $4
       AND p.account_id = $2 AND p.livemode = $3
       AND (p.status = 'pending' OR p.first_attempt_at > $5)
     ORDER BY p.lane_id, p.status, p.next_attempt_at, p.sequence
  ), flight AS MATERIALIZED (
    SELECT stripe_customer_id, event_name FROM push
     WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND status = 'sending'
  ), due AS MATERIALIZED (
    SELECT p.identifier, p.next_attempt_at, row_number() OVER (
             PARTITION BY p.stripe_customer_id, p.event_name
             ORDER BY p.next_attempt_at, p.lane_id, p.sequence) AS place
      FROM first p
      JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id AND NOT l.superseded
      JOIN customer c ON c.tenant_id = $1 AND c.customer_no = p.customer_no
       AND c.stripe_customer_id = p.stripe_customer_id
      JOIN (SELECT DISTINCT ON (meter_no) meter_no, stripe_event_name, push
              FROM meter_settings WHERE tenant_id = $1
             ORDER BY meter_no, version DESC) s
        ON s.meter_no = p.meter_no AND s.stripe_event_name = p.event_name
       AND coalesce(c.push, s.push) = 'live'
     WHERE (p.status = 'unknown' OR l.parked_code IS NULL)
       AND (p.stripe_customer_id, p.event_name) NOT IN (TABLE flight)
  )
  SELECT identifier FROM due WHERE place = 1 ORDER BY next_attempt_at LIMIT $6`;

/** By their names alone, so that no other index than theirs comes into question. */
const LOCK = `
  SELECT p.identifier, p.status AS "fromStatus", p.next_attempt_at AS "dueAt"
    FROM push p
   WHERE p.tenant_id = $1 AND p.identifier = ANY ($2::text[])
     AND p.status IN ('pending', 'unknown')
   ORDER BY p.identifier
     FOR UPDATE SKIP LOCKED`;

const CLAIM = `
  WITH claimed AS (
    UPDATE push p
       SET status = 'sending', fence = p.fence + 1, attempts = p.attempts + 1, lease_until = $5,
           first_attempt_at = coalesce(p.first_attempt_at, $4), last_attempt_at = $4,
           transition_no = p.transition_no + 1
      FROM unnest($2::text[], $3::text[]) AS k (identifier, from_status)
     WHERE p.tenant_id = $1 AND p.identifier = k.identifier
    RETURNING p.*, k.from_status
  ), noted AS (
    INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, at)
    SELECT $1, c.identifier, c.transition_no, c.from_status, 'sending', $4 FROM claimed c
  )
  SELECT identifier, event_name AS "eventName", customer_key AS "customerKey",
         stripe_customer_id AS "stripeCustomerId", value_key AS "valueKey",
         trim_scale(value)::text AS "value", "timestamp", from_status AS "fromStatus", reason,
         key_no AS "keyNo", attempts, unknown_attempts AS "unknownAttempts",
         last_error AS "lastError", fence
    FROM claimed`;

/** Only whoever holds the lease writes: the fence has risen where another took it over. */
const SETTLE = `
  WITH settled AS (
    UPDATE push
       SET status = $4, reason = $5, key_no = $6, unknown_attempts = $7, last_error = $8,
           next_attempt_at = $9, lease_until = NULL, transition_no = transition_no + 1,
           settled_by = CASE WHEN $4 IN ('delivered', 'rejected') THEN 'answer' END,
           delivered_at = CASE WHEN $4 = 'delivered' THEN $11::timestamptz END
     WHERE tenant_id = $1 AND identifier = $2 AND fence = $3 AND status = 'sending'
    RETURNING identifier, lane_id, transition_no
  ), parked AS (
    UPDATE push_lane l SET parked_code = $10, parked_at = $11
      FROM settled s
     WHERE l.tenant_id = $1 AND l.lane_id = s.lane_id AND $10::text IS NOT NULL
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason, at)
  SELECT $1, s.identifier, s.transition_no, 'sending', $4, $5, $11 FROM settled s
  RETURNING identifier`;

interface LockedPush extends Pick<ClaimedPush, 'identifier' | 'fromStatus'> {
  readonly dueAt: Micros | null;
}

export interface ClaimRequest {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly resendWindowSeconds: number;
  readonly limit: number;
}

/** Takes pushes that are due; the commit of `tx` comes before any call. */
export async function claimPushes(
  tx: Transaction,
  tenantId: string,
  request: ClaimRequest,
): Promise<ClaimedPush[]> {
  // A schedule or a mapping that changes takes back what waits: not between our look and our claim.
  await enterGate(tx, tenantId);
  const now = await timeOfDay(tx);
  await tx.query(EXPIRE, [tenantId, formatInstantMicros(now)]);
  const candidates = await tx.query<{ identifier: string }>(CANDIDATES, [
    tenantId,
    request.accountId,
    request.livemode,
    formatInstantMicros(now),
    formatInstantMicros(now - request.resendWindowSeconds * MICROS_PER_SECOND),
    request.limit,
  ]);
  if (candidates.length === 0) return [];
  const identifiers = candidates.map(({ identifier }) => identifier);
  const locked = await tx.query<LockedPush>(LOCK, [tenantId, identifiers]);
  // Another sender may have had it meanwhile, and put it off.
  const due = locked.filter(({ dueAt }) => dueAt !== null && dueAt <= now);
  return tx.query<ClaimedPush>(CLAIM, [
    tenantId,
    due.map(({ identifier }) => identifier),
    due.map(({ fromStatus }) => fromStatus),
    formatInstantMicros(now),
    formatInstantMicros(now + LEASE_S * MICROS_PER_SECOND),
  ]);
}

/** @returns Whether the push was still this sender's to settle. */
export async function settlePush(
  db: Queryable,
  tenantId: string,
  push: Pick<ClaimedPush, 'identifier' | 'fence'>,
  settlement: Settlement,
): Promise<boolean> {
  const now = await timeOfDay(db);
  const { retryAfter } = settlement;
  const rows = await db.query(SETTLE, [
    tenantId,
    push.identifier,
    push.fence,
    settlement.status,
    settlement.reason,
    settlement.keyNo,
    settlement.unknownAttempts,
    settlement.lastError,
    retryAfter === null ? null : formatInstantMicros(now + retryAfter),
    settlement.parkedCode,
    formatInstantMicros(now),
  ]);
  return rows.length > 0;
}

/** The database's: leases and back-off of all processes go by one clock. */
async function timeOfDay(db: Queryable): Promise<Micros> {
  const [row] = await db.query<{ now: Micros }>('SELECT clock_timestamp() AS now');
  return row!.now;
}
