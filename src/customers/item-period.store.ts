import type { Queryable } from '../database/connections.js';
import type { BillingPeriod, Schedule } from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import type { BillingItem } from '../domain/item-period.js';

/** The items that price meters of ours, by customer and meter. */
export type PricingItems = ReadonlyMap<number, ReadonlyMap<number, readonly BillingItem[]>>;

interface ItemRow extends Omit<BillingItem, 'schedule' | 'periods'> {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly interval: Schedule['interval'];
  readonly intervalCount: number;
  readonly anchor: Micros;
  readonly starts: readonly (string | null)[];
  readonly ends: readonly (string | null)[];
}

/**
 * An item prices a meter where the customer is the Stripe customer's, and the Stripe meter that the
 * price counts takes the meter's events. The arrays hold microseconds since 1970.
 */
const ITEMS = `
  SELECT c.customer_no AS "customerNo", s.meter_no AS "meterNo", i.item_id AS "itemId",
         i.starts_at AS "startsAt", i.ends_at AS "endsAt", i.live AS "isLive", i."interval",
         i.interval_count AS "intervalCount", i.anchor,
         array_agg((extract(epoch FROM p.period_start) * 1000000)::text ORDER BY p.period_start)
           AS starts,
         array_agg((extract(epoch FROM p.period_end) * 1000000)::text ORDER BY p.period_start) AS ends
    FROM customer c
    JOIN subscription_item i ON i.tenant_id = $1
     AND i.stripe_customer_id = c.stripe_customer_id AND i.event_name IS NOT NULL
    JOIN meter m ON m.tenant_id = $1
    JOIN LATERAL (SELECT meter_no, stripe_event_name FROM meter_settings s
           WHERE s.tenant_id = $1 AND s.meter_no = m.meter_no
           ORDER BY version DESC LIMIT 1) s ON s.stripe_event_name = i.event_name
    LEFT JOIN item_period p ON p.tenant_id = $1 AND p.account_id = i.account_id
     AND p.livemode = i.livemode AND p.item_id = i.item_id
     AND p.stripe_meter_id = i.stripe_meter_id
   WHERE c.tenant_id = $1 AND c.customer_no = ANY ($2::bigint[])
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`;

export async function itemsOf(
  db: Queryable,
  tenantId: string,
  customerNos: readonly number[],
): Promise<PricingItems> {
  const items = new Map<number, Map<number, BillingItem[]>>();
  if (customerNos.length === 0) return items;
  for (const row of await db.query<ItemRow>(ITEMS, [tenantId, customerNos])) {
    const ofCustomer = items.get(row.customerNo) ?? new Map<number, BillingItem[]>();
    ofCustomer.set(row.meterNo, [...(ofCustomer.get(row.meterNo) ?? []), toItem(row)]);
    items.set(row.customerNo, ofCustomer);
  }
  return items;
}

function toItem({ interval, intervalCount, anchor, starts, ends, ...item }: ItemRow): BillingItem {
  const periods: BillingPeriod[] = [];
  starts.forEach((start, index) => {
    const end = ends[index];
    if (start != null && end != null) periods.push({ start: Number(start), end: Number(end) });
  });
  return { ...item, schedule: { interval, intervalCount, anchor, timezone: 'UTC' }, periods };
}
