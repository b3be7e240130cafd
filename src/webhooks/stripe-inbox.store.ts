import type { Queryable } from '../database/connections.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { ReceivedEvent } from '../stripe/stripe-webhooks.js';
import type { Effect } from './stripe-event-handler.js';
import { jsonText } from './storable-json.js';

/** What became of an event so far; `pending`, `waiting` and `failed` are tried again. */
export const EVENT_OUTCOMES = ['pending', 'done', 'ignored', 'waiting', 'failed', 'dead'] as const;
export type EventOutcome = (typeof EVENT_OUTCOMES)[number];

/** How long an event is tried, as long as Stripe sends one: three days. */
const GIVE_UP_AFTER: Micros = 3 * 86_400 * MICROS_PER_SECOND;

const INSERT = `
  INSERT INTO stripe_event (tenant_id, event_id, type, object_id, livemode, account_id, event_at,
                            received_at, body, outcome, effects, next_attempt_at, give_up_at,
                            settled_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
          CASE WHEN $10 = 'pending' THEN $8::timestamptz END, $12,
          CASE WHEN $10 <> 'pending' THEN $8::timestamptz END)
  ON CONFLICT (tenant_id, event_id) DO NOTHING
  RETURNING 1`;

const RETRY = `
  UPDATE stripe_event
     SET outcome = 'pending', failures = 0, next_attempt_at = $3, give_up_at = $4,
         settled_at = NULL
   WHERE tenant_id = $1 AND event_id = $2 AND outcome IN ('dead', 'failed', 'ignored')
     AND (lease_until IS NULL OR lease_until < $3)
  RETURNING 1`;

export interface NewEvent extends ReceivedEvent {
  /** The raw text. */
  readonly body: string;
  /** Why nothing is to be done about it; absent: it is to be worked on. */
  readonly ignoredBy?: Effect;
}

/** @returns Whether it is the first of its id. */
export async function insertEvent(
  db: Queryable,
  tenantId: string,
  event: NewEvent,
): Promise<boolean> {
  const now = await timeOfDay(db);
  const rows = await db.query(INSERT, [
    tenantId,
    event.eventId,
    event.type,
    event.objectId,
    event.livemode,
    event.accountId,
    event.eventAt === null ? null : formatInstantMicros(event.eventAt),
    formatInstantMicros(now),
    event.body,
    event.ignoredBy === undefined ? 'pending' : 'ignored',
    jsonText(event.ignoredBy === undefined ? [] : [event.ignoredBy]),
    formatInstantMicros(now + GIVE_UP_AFTER),
  ]);
  return rows.length > 0;
}

/** What became of an event so far. */
export async function outcomeOf(
  db: Queryable,
  tenantId: string,
  eventId: string,
): Promise<EventOutcome | undefined> {
  const [row] = await db.query<{ outcome: EventOutcome }>(
    'SELECT outcome FROM stripe_event WHERE tenant_id = $1 AND event_id = $2',
    [tenantId, eventId],
  );
  return row?.outcome;
}

/** @returns Whether the event was one that can be brought back. */
export async function retryEvent(
  db: Queryable,
  tenantId: string,
  eventId: string,
): Promise<boolean> {
  const now = await timeOfDay(db);
  const rows = await db.query(RETRY, [
    tenantId,
    eventId,
    formatInstantMicros(now),
    formatInstantMicros(now + GIVE_UP_AFTER),
  ]);
  return rows.length > 0;
}
