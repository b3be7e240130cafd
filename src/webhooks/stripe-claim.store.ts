import type { Queryable, Transaction } from '../database/connections.js';
import { tenantIds } from '../database/tenant-ids.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { Effect, InboxEvent } from './stripe-event-handler.js';
import { jsonText } from './storable-json.js';
import { type EventOutcome } from './stripe-inbox.store.js';

/** An event that this process alone works on until its lease runs out. */
export interface ClaimedEvent extends InboxEvent {
  readonly failures: number;
  readonly attempts: number;
  readonly fence: number;
  readonly giveUpAt: Micros;
}

/** Longer than a handler takes that asks Stripe a few times, 15 s at most each. */
const LEASE_S = 120;

const TENANTS = `
  SELECT DISTINCT tenant_id AS "tenantId"
    FROM stripe_event
   WHERE next_attempt_at <= clock_timestamp()
     AND (lease_until IS NULL OR lease_until < clock_timestamp())`;

/** By its id, an event is taken before it is due: its sender asks for it. */
const CLAIM = `
  WITH due AS (
    SELECT event_id FROM stripe_event
     WHERE tenant_id = $1 AND next_attempt_at IS NOT NULL
       AND CASE WHEN $5::text IS NULL THEN next_attempt_at <= $2 ELSE event_id = $5 END
       AND (lease_until IS NULL OR lease_until < $2)
     ORDER BY next_attempt_at, event_id
     LIMIT $4
       FOR UPDATE SKIP LOCKED
  )
  UPDATE stripe_event e
     SET lease_until = $3, fence = e.fence + 1, attempts = e.attempts + 1
    FROM due
   WHERE e.tenant_id = $1 AND e.event_id = due.event_id
  RETURNING e.tenant_id AS "tenantId", e.event_id AS "eventId", e.type,
            e.object_id AS "objectId", e.livemode, e.account_id AS "accountId",
            e.received_at AS "receivedAt", e.failures, e.attempts, e.fence,
            e.give_up_at AS "giveUpAt"`;

/** Only whoever holds the lease writes: the fence has risen where another took it over. */
const SETTLE = `
  UPDATE stripe_event
     SET outcome = $4, effects = coalesce($5::jsonb, effects), fetched = coalesce($6::json, fetched), failures = $7,
         last_error = $8, next_attempt_at = $9, lease_until = NULL,
         settled_at = CASE WHEN $9::timestamptz IS NULL THEN $10::timestamptz END
   WHERE tenant_id = $1 AND event_id = $2 AND fence = $3 AND lease_until IS NOT NULL
  RETURNING 1`;

/** Tenants that have events due. */
export async function tenantsWithEvents(db: Queryable): Promise<string[]> {
  return tenantIds(db, TENANTS);
}

/**
 * Takes events that are due, or the one of an id whether it is due or not; none that another
 * process has.
 */
export async function claimEvents(
  db: { transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> },
  tenantId: string,
  limit: number,
  eventId?: string,
): Promise<ClaimedEvent[]> {
  return db.transaction(async (tx) => {
    const now = await timeOfDay(tx);
    return tx.query<ClaimedEvent>(CLAIM, [
      tenantId,
      formatInstantMicros(now),
      formatInstantMicros(now + LEASE_S * MICROS_PER_SECOND),
      limit,
      eventId ?? null,
    ]);
  });
}

/** What one attempt came to. */
export interface Attempted {
  readonly outcome: Exclude<EventOutcome, 'pending'>;
  /** Undefined: those of the attempt before. */
  readonly effects: readonly Effect[] | undefined;
  readonly fetched: unknown;
  readonly failures: number;
  readonly lastError: string | null;
  /** Null: nothing is left to be done. */
  readonly nextAttemptAt: Micros | null;
}

/** @returns Whether the event was still this process's to settle. */
export async function settleEvent(
  db: Queryable,
  { tenantId, eventId, fence }: ClaimedEvent,
  attempted: Attempted,
  now: Micros,
): Promise<boolean> {
  const { fetched, nextAttemptAt } = attempted;
  const rows = await db.query(SETTLE, [
    tenantId,
    eventId,
    fence,
    attempted.outcome,
    attempted.effects === undefined ? null : jsonText(attempted.effects),
    fetched === undefined ? null : jsonText(fetched),
    attempted.failures,
    attempted.lastError,
    nextAttemptAt === null ? null : formatInstantMicros(nextAttemptAt),
    formatInstantMicros(now),
  ]);
  return rows.length > 0;
}
