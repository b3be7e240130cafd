import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import type { EventShape, RefusalError } from './refused-event.js';

/** An event in quarantine. */
export interface QuarantinedEvent {
  readonly id: string;
  readonly usageEventId: string;
  readonly source: string | null;
  readonly customerId: string | null;
  readonly meter: string | null;
  readonly shape: EventShape;
  readonly historical: boolean;
  /** As it was sent, parsed; null where it is too large to be kept. */
  readonly event: unknown;
  readonly code: string;
  readonly errors: readonly RefusalError[];
  readonly fields: readonly string[] | null;
  readonly count: number;
  readonly firstSeenAt: Micros;
  readonly lastSeenAt: Micros;
}

export interface QuarantineFilter {
  readonly code?: string | undefined;
  readonly customerId?: string | undefined;
  readonly meter?: string | undefined;
  readonly usageEventId?: string | undefined;
}

const COLUMNS = `
  quarantined_event_id AS "id", usage_event_id AS "usageEventId", source,
  customer_id AS "customerId", meter, shape, historical, event, code, errors, fields,
  seen AS "count", first_seen_at AS "firstSeenAt", last_seen_at AS "lastSeenAt"`;

const LIST = `
  SELECT ${COLUMNS}
    FROM quarantined_event
   WHERE tenant_id = $1 AND ($2::text IS NULL OR code = $2)
     AND ($3::text IS NULL OR customer_id = $3) AND ($4::text IS NULL OR meter = $4)
     AND ($5::text IS NULL OR usage_event_id = $5)
     AND ($6::timestamptz IS NULL OR (first_seen_at, quarantined_event_id) > ($6, $7::uuid))
   ORDER BY first_seen_at, quarantined_event_id
   LIMIT $8`;

const BY_ID = `
  SELECT ${COLUMNS}
    FROM quarantined_event WHERE tenant_id = $1 AND quarantined_event_id = ANY ($2::uuid[])
   ORDER BY first_seen_at, quarantined_event_id`;

/** Events in quarantine in the order in which they were first seen. */
export async function listQuarantine(
  db: Queryable,
  tenantId: string,
  filter: QuarantineFilter,
  after: readonly string[] | undefined,
  limit: number,
): Promise<QuarantinedEvent[]> {
  return db.query<QuarantinedEvent>(LIST, [
    tenantId,
    filter.code ?? null,
    filter.customerId ?? null,
    filter.meter ?? null,
    filter.usageEventId ?? null,
    after?.[0] ?? null,
    after?.[1] ?? null,
    limit,
  ]);
}

/** Those of the ids that are still there. */
export async function readQuarantined(
  db: Queryable,
  tenantId: string,
  ids: readonly string[],
): Promise<QuarantinedEvent[]> {
  return db.query<QuarantinedEvent>(BY_ID, [tenantId, ids]);
}
