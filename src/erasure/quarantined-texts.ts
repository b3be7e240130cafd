import type { Transaction } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import { eventKey } from '../domain/event-key.js';
import { releaseEvents } from '../quarantine/release-events.store.js';
import { ownKeys } from './event-names.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { patternOf } from './sought-texts.js';

const EVENTS_MAX = 500;

/** What names another customer is that one's, whatever else it tells. */
const NEXT = `
  SELECT quarantined_event_id AS id, usage_event_id AS "usageEventId", source,
         coalesce(customer_id = ANY ($5::text[]), event::text ~ $6, false) AS "isOfCustomer"
    FROM quarantined_event
   WHERE tenant_id = $1 AND first_seen_at <= $2::timestamptz
     AND ($3::uuid IS NULL OR quarantined_event_id > $3)
   ORDER BY quarantined_event_id LIMIT $4`;

interface Row {
  readonly id: string;
  readonly usageEventId: string;
  readonly source: string | null;
  readonly isOfCustomer: boolean;
}

/** Takes out of quarantine what names the customer, or the id of one of its events. */
export async function eraseQuarantined(
  tx: Transaction,
  tenantId: string,
  { customerNo, sought, createdAt, position }: RunningErasure,
): Promise<Done> {
  const rows = await tx.query<Row>(NEXT, [
    tenantId,
    formatInstantMicros(createdAt),
    position?.[0] ?? null,
    EVENTS_MAX,
    sought.customerIds,
    patternOf(sought.texts),
  ]);
  const last = rows.at(-1);
  if (last === undefined) return {};
  const keyOf = ({ source, usageEventId }: Row): string => eventKey(source ?? '', usageEventId);
  const own = await ownKeys(tx, tenantId, customerNo, rows.map(keyOf));
  const ids = rows.filter((row) => row.isOfCustomer || own.has(keyOf(row))).map(({ id }) => id);
  const otherRows = ids.length === 0 ? 0 : await releaseEvents(tx, tenantId, ids);
  return { otherRows, position: [last.id] };
}
