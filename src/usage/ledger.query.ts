import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { ledgerWithKeys } from '../ledger/event-rows.js';
import type { PeriodRevision } from './usage-event-query.js';

/** An entry of an event, and the period that it is billed in. */
export interface LedgerRow {
  readonly eventKey: string;
  readonly meterNo: number;
  readonly meter: string;
  readonly customerNo: number;
  readonly isVoid: boolean;
  /** What it counts for; below zero where it takes something out. */
  readonly value: string;
  readonly occurredAt: Micros;
  readonly receivedAt: Micros;
  readonly periodStart: Micros;
  readonly originStart: Micros;
  readonly revision: number;
  readonly late: boolean;
  readonly billable: boolean;
  /** These four are null where the period has no row: what is not billed needs none. */
  readonly periodEnd: Micros | null;
  readonly periodClosedAt: Micros | null;
  readonly periodOfItem: boolean | null;
  /** When the amendment that it is in was frozen. */
  readonly amendedAt: Micros | null;
  /** Hours of the period before it are not pushed. */
  readonly pushFrom: Micros | null;
}

/** Of each event and meter the newest entry and the newest void: those that count. */
const LEDGER = `
  SELECT DISTINCT ON (u.event_key, u.meter_no, u.is_void)
         u.event_key AS "eventKey", u.meter_no AS "meterNo", m.key AS meter,
         u.customer_no AS "customerNo", u.is_void AS "isVoid",
         trim_scale(CASE WHEN u.is_void THEN -u.quantity ELSE u.quantity END)::text AS value,
         u.occurred_at AS "occurredAt", u.received_at AS "receivedAt",
         u.period_start AS "periodStart", u.origin_start AS "originStart", u.revision, u.late,
         u.billable, p.period_end AS "periodEnd", p.closed_at AS "periodClosedAt",
         p.of_item AS "periodOfItem", a.created_at AS "amendedAt",
         s.push_from AS "pushFrom"
    FROM ${ledgerWithKeys('$2::uuid[]')} u
    JOIN meter m ON m.tenant_id = $1 AND m.meter_no = u.meter_no
    JOIN LATERAL (
           SELECT push_from FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = u.meter_no
            ORDER BY version DESC LIMIT 1) s ON true
    LEFT JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = u.customer_no
          AND p.meter_no = u.meter_no AND p.period_start = u.period_start AND u.billable
    LEFT JOIN period_amendment a ON a.tenant_id = $1 AND a.customer_no = u.customer_no
          AND a.meter_no = u.meter_no AND a.period_start = u.period_start
          AND a.revision = u.revision AND u.billable
   WHERE $3::integer IS NULL OR u.meter_no = $3
   ORDER BY u.event_key, u.meter_no, u.is_void, u.entry_no DESC`;

/** @param only Those that stand behind one statement or one of its amendments. */
export async function ledgerOf(
  db: Queryable,
  tenantId: string,
  eventKeys: readonly string[],
  only?: PeriodRevision,
): Promise<LedgerRow[]> {
  const sql =
    only === undefined
      ? LEDGER
      : `SELECT * FROM (${LEDGER}) u
          WHERE u.billable AND u."periodStart" = $4 AND u.revision = $5
          ORDER BY "eventKey", "isVoid"`;
  const narrowed = only === undefined ? [] : [formatInstantMicros(only.start), only.revision];
  return db.query<LedgerRow>(sql, [tenantId, eventKeys, only?.meterNo ?? null, ...narrowed]);
}
