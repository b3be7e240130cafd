import type { Queryable } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import type { EventRow } from './stripe-event-list.store.js';

/** What Stripe's events may be about. */
export interface EventSubjects {
  /** Invoices and Stripe customers. */
  readonly objectIds: readonly string[];
  readonly pushes: readonly string[];
}

export interface EventAbout extends EventRow {
  /** As it came, byte by byte; null where the event is about others as well. */
  readonly body: string | null;
  /** Of the body, in hex. */
  readonly bodyDigest: string;
}

const PAGE = 100;

/**
 * An event that names pushes, such as a report of errors, names those of other customers too: of its
 * effects only those are told that are about what was asked for, and of its body the digest alone.
 */
const EVENTS = `
  SELECT e.event_id AS "eventId", e.type, e.object_id AS "objectId", e.livemode,
         e.account_id AS "accountId", e.event_at AS "eventAt", e.received_at AS "receivedAt",
         e.outcome, coalesce(own.effects, '[]') AS effects, e.attempts,
         e.last_error AS "lastError", e.next_attempt_at AS "nextAttemptAt",
         e.settled_at AS "settledAt",
         CASE WHEN e.object_id = ANY ($2::text[]) THEN e.body END AS body,
         encode(sha256(convert_to(e.body, 'UTF8')), 'hex') AS "bodyDigest"
    FROM stripe_event e
   CROSS JOIN LATERAL (
         SELECT jsonb_agg(f.effect) AS effects,
                bool_or(f.effect ->> 'identifier' = ANY ($3::text[])
                        OR f.effect ->> 'customer' = ANY ($2::text[])) AS is_about
           FROM jsonb_array_elements(e.effects) AS f (effect)
          WHERE e.object_id = ANY ($2::text[]) OR f.effect ->> 'identifier' = ANY ($3::text[])
             OR f.effect ->> 'customer' = ANY ($2::text[])) own
   WHERE e.tenant_id = $1 AND (e.object_id = ANY ($2::text[]) OR own.is_about)
     AND ($4::timestamptz IS NULL OR (e.received_at, e.event_id) > ($4, $5::text))
   ORDER BY e.received_at, e.event_id
   LIMIT ${PAGE}`;

/** Stripe's events about something, in the order they were received. */
export async function* eventsAbout(
  db: Queryable,
  tenantId: string,
  { objectIds, pushes }: EventSubjects,
): AsyncGenerator<EventAbout, void, undefined> {
  let last: EventAbout | undefined;
  for (;;) {
    const page: EventAbout[] = await db.query<EventAbout>(EVENTS, [
      tenantId,
      objectIds,
      pushes,
      last === undefined ? null : formatInstantMicros(last.receivedAt),
      last?.eventId ?? null,
    ]);
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}
