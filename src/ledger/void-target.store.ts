import type { Queryable } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import type { Micros } from '../domain/instant.js';
import type { Aggregation, LateUsagePolicy } from '../domain/meter.js';
import { entriesWithKeys } from './event-rows.js';

/** What an event counts in one meter, and where that stands now. */
export interface VoidTarget {
  readonly eventKey: string;
  readonly customerNo: number;
  readonly meterNo: number;
  readonly meter: string;
  readonly aggregation: Aggregation;
  readonly lateUsage: LateUsagePolicy;
  readonly settingsVersion: number;
  /** Canonical decimal. */
  readonly quantity: string;
  readonly occurredAt: Micros;
  readonly periodStart: Micros;
  readonly originStart: Micros;
  readonly revision: number;
  readonly billable: boolean;
  readonly dimensions: string;
  readonly uniqueKey: string | null;
}

/** The entries that count of each event, in the order of the meters' keys, voided or not. */
export async function voidTargets(
  db: Queryable,
  tenantId: string,
  eventKeys: readonly string[],
): Promise<Map<string, VoidTarget[]>> {
  const rows = await db.query<VoidTarget>(
    `SELECT DISTINCT ON (m.key, e.event_key) e.event_key AS "eventKey",
            e.customer_no AS "customerNo", e.meter_no AS "meterNo", m.key AS meter, s.aggregation,
            s.late_usage AS "lateUsage", s.version AS "settingsVersion",
            trim_scale(e.quantity)::text AS quantity, e.occurred_at AS "occurredAt",
            e.period_start AS "periodStart", e.origin_start AS "originStart", e.revision,
            e.billable, e.dimensions, e.unique_key AS "uniqueKey"
       FROM ${entriesWithKeys('$2::uuid[]')} e
       JOIN meter m ON m.tenant_id = e.tenant_id AND m.meter_no = e.meter_no
      CROSS JOIN LATERAL (SELECT aggregation, late_usage, version FROM meter_settings s
             WHERE s.tenant_id = $1 AND s.meter_no = e.meter_no ORDER BY version DESC LIMIT 1) s
      ORDER BY m.key, e.event_key, e.entry_no DESC`,
    [tenantId, plainArray(eventKeys)],
  );
  const byEvent = new Map<string, VoidTarget[]>();
  for (const row of rows) {
    const targets = byEvent.get(row.eventKey);
    if (targets === undefined) byEvent.set(row.eventKey, [row]);
    else targets.push(row);
  }
  return byEvent;
}
