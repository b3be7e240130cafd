import type { Queryable } from '../database/connections.js';
import type { ScheduleTimeline } from '../domain/billing-period.js';
import { DEFAULT_TIMELINE, timelineOf, type ScheduleVersion } from './schedule-timeline.js';

/** The schedules of customers by their number; a customer without one has the default. */
export async function timelinesOf(
  db: Queryable,
  tenantId: string,
  customerNos: readonly number[],
): Promise<Map<number, ScheduleTimeline>> {
  const rows = await db.query<ScheduleVersion & { customerNo: number }>(
    `SELECT customer_no AS "customerNo", effective_from AS "effectiveFrom", "interval",
            interval_count AS "intervalCount", anchor, timezone
       FROM customer_schedule
      WHERE tenant_id = $1 AND customer_no = ANY ($2::bigint[])
      ORDER BY version`,
    [tenantId, customerNos],
  );
  const versions = new Map<number, ScheduleVersion[]>();
  for (const { customerNo, ...version } of rows) {
    versions.set(customerNo, [...(versions.get(customerNo) ?? []), version]);
  }
  return new Map(
    customerNos.map((customerNo) => {
      const own = versions.get(customerNo);
      return [customerNo, own === undefined ? DEFAULT_TIMELINE : timelineOf(own)];
    }),
  );
}
