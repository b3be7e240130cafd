import { requireCustomer } from '../customers/require-customer.js';
import type { Queryable } from '../database/connections.js';
import { eventKey } from '../domain/event-key.js';
import { formatInstantMicros, parseInstant } from '../domain/instant.js';
import { eventsWithKeys } from '../ledger/event-rows.js';
import { requireMeter } from '../meters/require-meter.js';
import { ValidationProblem } from '../problem/problem.js';
import type { BulkVoidFilterDto } from './bulk-void.dto.js';

/** A filter by our own numbers and keys, so that it means the same however names change. */
export interface EventSelection {
  readonly eventKeys: readonly string[] | null;
  readonly source: string | null;
  readonly customerNo: number | null;
  readonly meterNo: number | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly receivedFrom: string | null;
  readonly receivedTo: string | null;
}

export async function selectionOf(
  db: Queryable,
  tenantId: string,
  filter: BulkVoidFilterDto,
): Promise<EventSelection> {
  const { usage_event_ids: ids, source, customer_id: customer, meter } = filter;
  const restricts = [ids, source, customer, meter, filter.from, filter.to];
  if (
    [...restricts, filter.received_from, filter.received_to].every((each) => each === undefined)
  ) {
    const detail = 'the filter must have a member: to void everything is no correction';
    throw new ValidationProblem([{ pointer: '/filter', code: 'required', detail }]);
  }
  return {
    eventKeys: ids === undefined ? null : ids.map((id) => eventKey(source ?? '', id)),
    source: source ?? null,
    customerNo:
      customer === undefined ? null : (await requireCustomer(db, tenantId, customer)).customerNo,
    meterNo: meter === undefined ? null : (await requireMeter(db, tenantId, meter)).meterNo,
    from: canonical(filter.from),
    to: canonical(filter.to),
    receivedFrom: canonical(filter.received_from),
    receivedTo: canonical(filter.received_to),
  };
}

function canonical(instant: string | undefined): string | null {
  return instant === undefined ? null : formatInstantMicros(parseInstant(instant)!);
}

/** SQL: a FROM item with all events that the selection may take. */
export const eventsOf = ({ eventKeys }: EventSelection): string =>
  eventKeys === null ? 'usage_event' : eventsWithKeys('$2::uuid[]');

/** SQL: whether the selection takes a row `e` of `usage_event`. $1 tenant, $2 to $10. */
export const IS_SELECTED = `
  e.tenant_id = $1
  AND ($2::uuid[] IS NULL OR e.event_key = ANY ($2))
  AND ($3::text IS NULL OR e.source = $3)
  AND ($4::bigint IS NULL OR e.customer_no = $4)
  AND ($5::integer IS NULL OR EXISTS (
        SELECT FROM usage_entry u WHERE u.tenant_id = $1 AND u.event_key = e.event_key
           AND u.received_at = e.received_at AND u.meter_no = $5))
  AND ($6::timestamptz IS NULL OR e.occurred_at >= $6)
  AND ($7::timestamptz IS NULL OR e.occurred_at < $7)
  AND ($8::timestamptz IS NULL OR e.received_at >= $8)
  AND ($9::timestamptz IS NULL OR e.received_at < $9)
  AND e.received_at <= $10::timestamptz`;

/** @param until What was received later is left alone. */
export function selectionParameters(
  tenantId: string,
  selection: EventSelection,
  until: string,
): unknown[] {
  return [
    tenantId,
    selection.eventKeys,
    selection.source,
    selection.customerNo,
    selection.meterNo,
    selection.from,
    selection.to,
    selection.receivedFrom,
    selection.receivedTo,
    until,
  ];
}
