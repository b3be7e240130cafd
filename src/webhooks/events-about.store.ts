import type { Queryable } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import type { EventRow } from './stripe-event-list.store.js';

/** What Stripe's events may be about. */
export interface EventSubjects {
  /** Those that bill the periods in question. */
  readonly invoiceIds: readonly string[];
  /** May have belonged to others before, or since. */
  readonly stripeCustomerIds: readonly string[];
  readonly pushes: readonly string[];
}

export interface EventAbout extends EventRow {
  /** As it came, byte by byte; null where the event is, or may be, about others as well. */
  readonly body: string | null;
  /** Of the body, in hex. */
  readonly bodyDigest: string;
}

const PAGE = 100;

/**
 * An event that names pushes, such as a report of errors, names those of other customers too, and a
 * Stripe customer, whose name and address its events tell, may be mapped to another one meanwhile.
 * So of all but the events of invoices the digest of the body alone is told, and of their effects
 * those that are about what was asked for.
 */
const EVENTS = `
  SELECT e.event_id AS "eventId", e.type, e.object_id AS "objectId", e.livemode,
         e.account_id AS "accountId", e.event_at AS "eventAt", e.received_at AS "receivedAt",
         e.outcome, coalesce(own.effects, '[]') AS effects, e.attempts,
         CASE WHEN i.is_invoice THEN e.last_error END AS "lastError",
         e.next_attempt_at AS "nextAttemptAt", e.settled_at AS "settledAt",
         CASE WHEN i.is_invoice THEN e.body END AS body,
         encode(sha256(convert_to(e.body, 'UTF8')), 'hex') AS "bodyDigest"
    FROM stripe_event e
   CROSS JOIN LATERAL (SELECT coalesce(e.object_id = ANY ($2::text[]), false) AS is_invoice) i
   CROSS JOIN LATERAL (
         SELECT jsonb_agg(f.effect) AS effects
           FROM jsonb_array_elements(e.effects) AS f (effect)
          WHERE i.is_invoice OR f.effect ->> 'identifier' = ANY ($3::text[])
             OR f.effect ->> 'invoice' = ANY ($2::text[])) own
   WHERE e.tenant_id = $1 AND (i.is_invoice OR e.object_id = ANY ($6::text[])
                              OR own.effects IS NOT NULL)
     AND ($4::timestamptz IS NULL OR (e.received_at, e.event_id) > ($4, $5::text))
   ORDER BY e.received_at, e.event_id
   LIMIT ${PAGE}`;

/** Stripe's events about something, in the order they were received. */
export async function* eventsAbout(
  db: Queryable,
  tenantId: string,
  { invoiceIds, stripeCustomerIds, pushes }: EventSubjects,
): AsyncGenerator<EventAbout, void, undefined> {
  let last: EventAbout | undefined;
  for (;;) {
    const page: EventAbout[] = await db.query<EventAbout>(EVENTS, [
      tenantId,
      invoiceIds,
      pushes,
      last === undefined ? null : formatInstantMicros(last.receivedAt),
      last?.eventId ?? null,
      stripeCustomerIds,
    ]);
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}
