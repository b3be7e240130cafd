import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { ERASED_STRIPE_ID } from '../outbox/erased-place.js';
import type { PushStatus } from '../outbox/push-status.js';
import { addWorkOfPushes } from '../outbox/push-work.store.js';
import type { ReadingCause } from './push-reading.js';

/** A push to be read, and all that its reading needs. */
export interface DueReading {
  readonly identifier: string;
  readonly cause: ReadingCause;
  readonly code: string | null;
  readonly status: PushStatus;
  readonly transitionNo: number;
  readonly kind: 'delta' | 'total';
  readonly pushed: string;
  readonly timestamp: Micros;
  readonly periodStart: Micros;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  readonly lastAttemptAt: Micros | null;
  readonly reads: number;
  readonly before: string | null;
  readonly agreedSince: Micros | null;
  /** A total that a later one stands above, whatever became of it. */
  readonly isOutdated: boolean;
  /** A total in whose minute a later one may show in its place. */
  readonly isHidden: boolean;
}

/** A later push to the same Stripe meter, whose minute shows whether Stripe has come as far. */
export interface LaterPush {
  readonly identifier: string;
  readonly stripeCustomerId: string;
  readonly value: string;
  readonly timestamp: Micros;
  readonly isConfirmed: boolean;
}

/** While a reader has a push, no other takes it. */
const LEASE_S = 120;

/**
 * Of an unknown total: its period was planned since it was sent for the last time, to no effect.
 *
 * @param tenantId As SQL.
 */
export const isLeftUnknown = (tenantId: string): string => `
  p.kind = 'total' AND p.next_attempt_at IS NULL
  AND NOT EXISTS (SELECT FROM push_work w
                   WHERE w.tenant_id = ${tenantId} AND w.customer_no = p.customer_no
                     AND w.meter_no = p.meter_no AND w.period_start = p.period_start)
  AND NOT EXISTS (SELECT FROM push n
                   WHERE n.tenant_id = ${tenantId} AND n.lane_id = p.lane_id AND n.kind = 'total'
                     AND n.sequence > p.sequence AND n.status NOT IN ('shadow', 'rejected'))`;

/**
 * What may not be sent again by itself any more. A total is told anew first, with a later timestamp,
 * which stands whether this one arrived or not; it is read where its period was planned and nothing
 * came of it: pushed to nowhere any more, in shadow mode, or held.
 */
const OVERDUE = `
  SELECT p.identifier, p.kind = 'delta' OR p.next_attempt_at IS NULL AS "isRead"
    FROM push p
   WHERE p.tenant_id = $1 AND p.status = 'unknown' AND p.target IS DISTINCT FROM 'file'
     AND CASE p.kind
           WHEN 'total' THEN p.next_attempt_at IS NOT NULL AND p.first_attempt_at <= $2
             OR ${isLeftUnknown('$1')}
                AND NOT EXISTS (SELECT FROM push_reading r
                                 WHERE r.tenant_id = $1 AND r.identifier = p.identifier)
           ELSE (p.next_attempt_at IS NULL OR p.first_attempt_at <= $2)
                AND NOT EXISTS (SELECT FROM push_reading r
                                 WHERE r.tenant_id = $1 AND r.identifier = p.identifier)
         END
   ORDER BY p.identifier LIMIT $3`;

const END = `
  WITH waiting AS MATERIALIZED (
    SELECT identifier FROM push
     WHERE tenant_id = $1 AND identifier = ANY ($2::text[]) AND status = 'unknown'
     ORDER BY identifier FOR NO KEY UPDATE
  )
  UPDATE push p SET next_attempt_at = NULL FROM waiting w
   WHERE p.tenant_id = $1 AND p.identifier = w.identifier AND p.status = 'unknown'`;

const QUEUE = `
  INSERT INTO push_reading (tenant_id, identifier, cause, next_read_at)
  SELECT $1, k.identifier, 'unknown', $3
    FROM unnest($2::text[]) AS k (identifier)
    JOIN push p ON p.tenant_id = $1 AND p.identifier = k.identifier AND p.status = 'unknown'
   ORDER BY k.identifier
  ON CONFLICT (tenant_id, identifier) DO NOTHING`;

const CLAIM = `
  WITH due AS MATERIALIZED (
    SELECT r.identifier
      FROM push_reading r
      JOIN push p ON p.tenant_id = $1 AND p.identifier = r.identifier
     WHERE r.tenant_id = $1 AND r.next_read_at <= $4
       AND p.account_id = $2 AND p.livemode = $3 AND p.status <> 'sending'
     ORDER BY r.next_read_at LIMIT $6
       FOR UPDATE OF r SKIP LOCKED
  ), claimed AS (
    UPDATE push_reading r SET next_read_at = $5
      FROM due WHERE r.tenant_id = $1 AND r.identifier = due.identifier
    RETURNING r.*
  )
  SELECT r.identifier, r.cause, r.code, p.status, p.transition_no AS "transitionNo", p.kind,
         trim_scale(p.value)::text AS "pushed", p."timestamp",
         p.period_start AS "periodStart", l.stripe_meter_id AS "stripeMeterId", p.stripe_customer_id AS "stripeCustomerId",
         p.last_attempt_at AS "lastAttemptAt", r.reads, trim_scale(r.value)::text AS "before",
         r.agreed_since AS "agreedSince",
         p.kind = 'total' AND EXISTS (
           SELECT FROM push n
            WHERE n.tenant_id = $1 AND n.lane_id = p.lane_id AND n.kind = 'total'
              AND n.sequence > p.sequence AND n.status IN ('delivered', 'confirmed'))
           AS "isOutdated",
         p.kind = 'total' AND EXISTS (
           SELECT FROM push n
            WHERE n.tenant_id = $1 AND n.lane_id = p.lane_id AND n.kind = 'total'
              AND n.sequence > p.sequence AND n.status NOT IN ('pending', 'shadow', 'rejected')
              AND date_trunc('minute', n."timestamp") = date_trunc('minute', p."timestamp"))
           AS "isHidden"
    FROM claimed r
    JOIN push p ON p.tenant_id = $1 AND p.identifier = r.identifier
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id
   ORDER BY r.identifier`;

/** Of a customer that is gone, Stripe shows nothing: so more than one is tried. */
const LATER_MAX = 3;

/** The earliest, since they are the likeliest to show. */
const LATER_PUSH = `
  SELECT p.identifier, p.stripe_customer_id AS "stripeCustomerId",
         trim_scale(p.value)::text AS "value", p."timestamp",
         p.status = 'confirmed' AS "isConfirmed"
    FROM push p
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id AND l.stripe_meter_id = $4
   WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3 AND p.purpose <> 'restored'
     AND p.stripe_customer_id !~ ${ERASED_STRIPE_ID}
     AND p.status IN ('delivered', 'confirmed') AND p.kind = $6 AND p.first_attempt_at > $5
   ORDER BY p.status, p.first_attempt_at LIMIT ${String(LATER_MAX)}`;

const NOTE = `
  UPDATE push_reading
     SET reads = reads + 1, value = $3, agreed_since = $4, last_read_at = $5, next_read_at = $6
   WHERE tenant_id = $1 AND identifier = $2`;

const ALERT = `
  UPDATE push SET reason = $3 WHERE tenant_id = $1 AND identifier = $2 AND status = 'unknown'`;

const POSTPONE = `
  UPDATE push_reading SET next_read_at = $3 WHERE tenant_id = $1 AND identifier = $2`;

const FORGET = 'DELETE FROM push_reading WHERE tenant_id = $1 AND identifier = $2';

export interface ReadingRequest {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly limit: number;
}

/** Has unknown pushes read whose resending has ended. */
export async function queueOverdue(
  tx: Transaction,
  tenantId: string,
  now: Micros,
  resendWindowSeconds: number,
  limit: number,
): Promise<void> {
  const overdue = await tx.query<{ identifier: string; isRead: boolean }>(OVERDUE, [
    tenantId,
    formatInstantMicros(now - resendWindowSeconds * MICROS_PER_SECOND),
    limit,
  ]);
  if (overdue.length === 0) return;
  const namesOf = (isRead: boolean): string[] =>
    overdue.filter((push) => push.isRead === isRead).map(({ identifier }) => identifier);
  await addWorkOfPushes(tx, tenantId, namesOf(false), true);
  await tx.query(END, [tenantId, namesOf(false)]);
  await tx.query(QUEUE, [tenantId, namesOf(true), formatInstantMicros(now)]);
}

/** Takes pushes to be read for this process alone, for two minutes. */
export async function claimReadings(
  tx: Transaction,
  tenantId: string,
  now: Micros,
  { accountId, livemode, limit }: ReadingRequest,
): Promise<DueReading[]> {
  return tx.query<DueReading>(CLAIM, [
    tenantId,
    accountId,
    livemode,
    formatInstantMicros(now),
    formatInstantMicros(now + LEASE_S * MICROS_PER_SECOND),
    limit,
  ]);
}

export async function laterPushes(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: Omit<ReadingRequest, 'limit'>,
  { stripeMeterId, kind, after }: Pick<DueReading, 'stripeMeterId' | 'kind'> & { after: Micros },
): Promise<LaterPush[]> {
  return db.query<LaterPush>(LATER_PUSH, [
    tenantId,
    accountId,
    livemode,
    stripeMeterId,
    formatInstantMicros(after),
    kind,
  ]);
}

export async function noteRead(
  db: Queryable,
  tenantId: string,
  identifier: string,
  note: { value: string; agreedSince: Micros; now: Micros; nextReadAt: Micros },
): Promise<void> {
  await db.query(NOTE, [
    tenantId,
    identifier,
    note.value,
    formatInstantMicros(note.agreedSince),
    formatInstantMicros(note.now),
    formatInstantMicros(note.nextReadAt),
  ]);
}

/** Says at the push why it stays unknown. */
export async function noteAlert(
  db: Queryable,
  tenantId: string,
  identifier: string,
  reason: string,
): Promise<void> {
  await db.query(ALERT, [tenantId, identifier, reason]);
}

export async function postponeReading(
  db: Queryable,
  tenantId: string,
  identifier: string,
  nextReadAt: Micros,
): Promise<void> {
  await db.query(POSTPONE, [tenantId, identifier, formatInstantMicros(nextReadAt)]);
}

export async function forgetReading(
  db: Queryable,
  tenantId: string,
  identifier: string,
): Promise<void> {
  await db.query(FORGET, [tenantId, identifier]);
}
