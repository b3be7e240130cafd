import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PropertyValue } from '../domain/usage-event.js';
import { isLater } from '../ledger/event-rows.js';
import type { PeriodKey } from './period-values.js';

/** An entry of a period as it stands in the ledger, with the event that it comes from. */
export interface StatementEntryRow {
  readonly eventKey: string;
  readonly isVoid: boolean;
  readonly entryNo: number;
  readonly kind: string;
  readonly quantity: string;
  readonly occurredAt: Micros;
  readonly receivedAt: Micros;
  readonly originStart: Micros;
  readonly revision: number;
  readonly late: boolean;
  readonly billable: boolean;
  readonly settingsVersion: number;
  readonly dimensions: string;
  readonly uniqueKey: string | null;
  /** Null where the details of the event are gone, as are the next three. */
  readonly usageEventId: string | null;
  readonly source: string | null;
  readonly sentCustomerId: string | null;
  readonly properties: Record<string, PropertyValue> | null;
  readonly copies: number;
  readonly voidReason: string | null;
  readonly bulkVoidId: string | null;
}

/** Small enough that one page is soon written, large enough that round trips do not count. */
const ENTRIES_PER_PAGE = 1_000;

/** Of each event the newest entry and the newest void count, as in the totals. */
const DECLARE = `
  DECLARE statement_entry NO SCROLL CURSOR FOR
  SELECT u.event_key AS "eventKey", u.is_void AS "isVoid", u.entry_no AS "entryNo", u.kind,
         trim_scale(u.quantity)::text AS quantity, u.occurred_at AS "occurredAt",
         u.received_at AS "receivedAt", u.origin_start AS "originStart", u.revision, u.late,
         u.billable, u.settings_version AS "settingsVersion", u.dimensions,
         u.unique_key AS "uniqueKey", e.usage_event_id AS "usageEventId", e.source,
         e.customer_id AS "sentCustomerId", e.properties, coalesce(c.copies, 0)::bigint AS copies,
         v.reason AS "voidReason", v.bulk_void_id AS "bulkVoidId"
    FROM usage_entry u
    LEFT JOIN usage_event_key k ON u.is_void AND k.tenant_id = u.tenant_id
          AND k.event_key = u.event_key
    LEFT JOIN usage_event e ON e.tenant_id = u.tenant_id AND e.event_key = u.event_key
          AND e.received_at = coalesce(k.received_at, u.received_at)
    LEFT JOIN usage_event_copy c ON c.tenant_id = u.tenant_id AND c.event_key = u.event_key
    LEFT JOIN usage_void v ON v.tenant_id = u.tenant_id AND v.event_key = u.event_key AND u.is_void
   WHERE u.tenant_id = $1 AND u.customer_no = $2 AND u.meter_no = $3 AND u.period_start = $4
     AND NOT EXISTS (SELECT FROM usage_entry newer
           WHERE newer.tenant_id = u.tenant_id AND newer.event_key = u.event_key
             AND newer.meter_no = u.meter_no AND newer.is_void = u.is_void
             AND ${isLater('newer')} AND newer.entry_no > u.entry_no)
   ORDER BY u.event_key, u.is_void`;

/**
 * All entries of a period by event key, a void after what it takes out, page by page: however many
 * there are, one page is held.
 */
export async function* statementEntries(
  tx: Transaction,
  tenantId: string,
  { customerNo, meterNo, periodStart }: PeriodKey,
): AsyncGenerator<StatementEntryRow[], void, undefined> {
  // All of it is fetched: a plan that begins soon and ends late is no use.
  await tx.query('SET LOCAL cursor_tuple_fraction = 1');
  await tx.query(DECLARE, [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)]);
  for (;;) {
    const page = await tx.query<StatementEntryRow>(
      `FETCH ${ENTRIES_PER_PAGE} FROM statement_entry`,
    );
    if (page.length > 0) yield page;
    if (page.length < ENTRIES_PER_PAGE) break;
  }
  await tx.query('CLOSE statement_entry');
}
