import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import type { Effect } from './stripe-event-handler.js';
import type { EventOutcome } from './stripe-inbox.store.js';

export interface EventRow {
  readonly eventId: string;
  readonly type: string;
  readonly objectId: string | null;
  readonly livemode: boolean;
  readonly accountId: string | null;
  readonly eventAt: Micros | null;
  readonly receivedAt: Micros;
  readonly outcome: EventOutcome;
  readonly effects: readonly Effect[];
  readonly attempts: number;
  readonly lastError: string | null;
  readonly nextAttemptAt: Micros | null;
  readonly settledAt: Micros | null;
}

export interface EventFilter {
  readonly eventId?: string | undefined;
  readonly type?: string | undefined;
  readonly outcome?: EventOutcome | undefined;
}

const LIST = `
  SELECT event_id AS "eventId", type, object_id AS "objectId", livemode,
         account_id AS "accountId", event_at AS "eventAt", received_at AS "receivedAt", outcome,
         effects, attempts, last_error AS "lastError", next_attempt_at AS "nextAttemptAt",
         settled_at AS "settledAt"
    FROM stripe_event
   WHERE tenant_id = $1 AND ($2::text IS NULL OR event_id = $2) AND ($3::text IS NULL OR type = $3)
     AND ($4::text IS NULL OR outcome = $4)
     AND ($5::timestamptz IS NULL OR (received_at, event_id) > ($5, $6::text))
   ORDER BY received_at, event_id
   LIMIT $7`;

/** Events in the order they were received. */
export async function listEvents(
  db: Queryable,
  tenantId: string,
  filter: EventFilter,
  after: readonly string[] | undefined,
  limit: number,
): Promise<EventRow[]> {
  return db.query<EventRow>(LIST, [
    tenantId,
    filter.eventId ?? null,
    filter.type ?? null,
    filter.outcome ?? null,
    after?.[0] ?? null,
    after?.[1] ?? null,
    limit,
  ]);
}
