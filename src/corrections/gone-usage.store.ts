import type { Queryable, Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { entriesWithKeys } from '../ledger/event-rows.js';
import { isPartlyGone, SEALED_BEFORE } from '../ledger/gone-months.js';
import { Problem } from '../problem/problem.js';
import {
  eventsOf,
  IS_SELECTED,
  selectionParameters,
  type EventSelection,
} from './event-selection.js';

interface Gone {
  readonly isGone: boolean;
  readonly restsOnGone: boolean;
}

/** Without its other entries nobody knows what such a meter comes to when one is taken out. */
const RESTS_ON_GONE = `
  (SELECT aggregation FROM meter_settings s
          WHERE s.tenant_id = $1 AND s.meter_no = u.meter_no ORDER BY version DESC LIMIT 1)
    NOT IN ('sum', 'count')
  AND ${isPartlyGone('u')}`;

const OF_EVENTS = `
  SELECT EXISTS (SELECT FROM usage_event_key k
           WHERE k.tenant_id = $1 AND k.event_key = ANY ($2::uuid[])
             AND k.received_at < ${SEALED_BEFORE}) AS "isGone",
         EXISTS (SELECT FROM ${entriesWithKeys('$2::uuid[]')} u
           WHERE ${SEALED_BEFORE} IS NOT NULL AND ${RESTS_ON_GONE}) AS "restsOnGone"`;

/** A filter is held against what is left of the months that are gone. */
const ofSelection = (events: string): string => `
  SELECT EXISTS (SELECT FROM usage_event_key k
           WHERE k.tenant_id = $1 AND k.event_key = ANY ($2::uuid[])
             AND k.received_at < ${SEALED_BEFORE})
         OR EXISTS (SELECT FROM ${events} e
           WHERE ${IS_SELECTED} AND e.received_at < ${SEALED_BEFORE})
         OR ($2::uuid[] IS NULL AND EXISTS (SELECT FROM usage_checkpoint c
           WHERE c.tenant_id = $1
             AND ($4::bigint IS NULL OR c.customer_no = $4)
             AND ($5::integer IS NULL OR c.meter_no = $5)
             AND ($6::timestamptz IS NULL OR c.bucket > $6::timestamptz - interval '15 minutes')
             AND ($7::timestamptz IS NULL OR c.bucket < $7)
             AND ($8::timestamptz IS NULL OR c.month + interval '1 month' > $8)
             AND ($9::timestamptz IS NULL OR c.month < $9))) AS "isGone",
         ${SEALED_BEFORE} IS NOT NULL AND EXISTS (SELECT FROM ${events} e
            JOIN usage_entry u ON u.tenant_id = $1 AND u.event_key = e.event_key
             AND u.received_at = e.received_at AND NOT u.is_void
           WHERE ${IS_SELECTED} AND ${RESTS_ON_GONE}) AS "restsOnGone"`;

/**
 * To be asked behind the gate.
 *
 * @throws Problem `ledger_month_missing` where the ledger no longer has what voids of them need.
 */
export async function requireEventsInLedger(
  tx: Transaction,
  tenantId: string,
  eventKeys: readonly string[],
): Promise<void> {
  const [gone] = await tx.query<Gone>(OF_EVENTS, [tenantId, plainArray(eventKeys)]);
  refuse(gone!);
}

/** As {@link requireEventsInLedger}, of all events that a selection takes or would have taken. */
export async function requireSelectionInLedger(
  db: Queryable,
  tenantId: string,
  selection: EventSelection,
  until: Micros,
): Promise<void> {
  const parameters = selectionParameters(tenantId, selection, formatInstantMicros(until));
  const [gone] = await db.query<Gone>(ofSelection(eventsOf(selection)), parameters);
  refuse(gone!);
}

function refuse({ isGone, restsOnGone }: Gone): void {
  if (isGone) {
    throw new Problem(
      'ledger_month_missing',
      'usage of a month that has left the ledger is voided',
    );
  }
  if (restsOnGone) {
    throw new Problem(
      'ledger_month_missing',
      'its period also has usage of a month that has left the ledger, and its meter does not add up',
    );
  }
}
