import type { Queryable, Transaction } from '../database/connections.js';
import type { Schedule } from '../domain/billing-period.js';
import { formatInstantMicros, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import type { KnownItem } from '../domain/known-item.js';
import type { CustomerMeter } from './billing-source.store.js';

/** Subscriptions are read when a period ends: Stripe draws up its invoice then, and tells of it. */
const INVOICES_AFTER_MICROS = 2 * MICROS_PER_MINUTE;

/** A Stripe customer of one account in one mode. */
export interface StripeCustomer {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeCustomerId: string;
}

/** How often what is known of the customer was written, 0 where it never was; and the time. */
export async function beginReading(
  db: Queryable,
  tenantId: string,
  customer: StripeCustomer,
): Promise<{ version: number; readAt: Micros }> {
  const [row] = await db.query<{ version: number; readAt: Micros }>(
    `SELECT coalesce(r.version, 0) AS version,
            clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS "readAt"
       FROM tenant t
       LEFT JOIN subscription_reading r ON r.tenant_id = $1 AND r.account_id = $2
        AND r.livemode = $3 AND r.stripe_customer_id = $4
      WHERE t.tenant_id = $1`,
    [tenantId, ...namesOf(customer)],
  );
  return row!;
}

/**
 * Locks the reading for whoever writes it next.
 *
 * @returns Whether nobody has written since the reading began: then nothing newer is overwritten.
 */
export async function isNewest(
  tx: Transaction,
  tenantId: string,
  customer: StripeCustomer,
  version: number,
): Promise<boolean> {
  await tx.query(
    `INSERT INTO subscription_reading (tenant_id, account_id, livemode, stripe_customer_id)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [tenantId, ...namesOf(customer)],
  );
  const [row] = await tx.query<{ version: number }>(
    `SELECT version FROM subscription_reading
      WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND stripe_customer_id = $4
        FOR UPDATE`,
    [tenantId, ...namesOf(customer)],
  );
  return row!.version === version;
}

export async function endReading(
  tx: Transaction,
  tenantId: string,
  customer: StripeCustomer,
  { readAt, nextReadAt }: { readAt: Micros; nextReadAt: Micros },
): Promise<void> {
  await tx.query(
    `UPDATE subscription_reading
        SET version = version + 1, read_at = greatest(read_at, $5::timestamptz),
            next_read_at = $6::timestamptz,
            next_invoices_at = least(next_invoices_at, $7::timestamptz)
      WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND stripe_customer_id = $4`,
    [
      tenantId,
      ...namesOf(customer),
      formatInstantMicros(readAt),
      formatInstantMicros(nextReadAt),
      formatInstantMicros(readAt + INVOICES_AFTER_MICROS),
    ],
  );
}

/** The items that are known of a Stripe customer, whatever meter they count. */
export async function knownItems(
  db: Queryable,
  tenantId: string,
  customer: StripeCustomer,
): Promise<KnownItem[]> {
  const rows = await db.query<
    Omit<KnownItem, 'schedule' | 'periods'> & {
      interval: Schedule['interval'];
      intervalCount: number;
      anchor: Micros;
      start: Micros | null;
      end: Micros | null;
    }
  >(
    `SELECT i.item_id AS "itemId", i.stripe_meter_id AS "stripeMeterId",
            i.subscription_id AS "subscriptionId", i.event_name AS "eventName",
            i.starts_at AS "startsAt", i.ends_at AS "endsAt", i.live AS "isLive", i."interval",
            i.interval_count AS "intervalCount", i.anchor, p.period_start AS "start",
            p.period_end AS "end"
       FROM subscription_item i
       LEFT JOIN item_period p ON p.tenant_id = $1 AND p.account_id = i.account_id
        AND p.livemode = i.livemode AND p.item_id = i.item_id
        AND p.stripe_meter_id = i.stripe_meter_id
      WHERE i.tenant_id = $1 AND i.account_id = $2 AND i.livemode = $3
        AND i.stripe_customer_id = $4
      ORDER BY i.item_id, i.stripe_meter_id, p.period_start`,
    [tenantId, ...namesOf(customer)],
  );
  const items = new Map<string, KnownItem>();
  for (const { interval, intervalCount, anchor, start, end, ...row } of rows) {
    const key = `${row.itemId} ${row.stripeMeterId}`;
    const schedule = { interval, intervalCount, anchor, timezone: 'UTC' };
    const item = items.get(key) ?? { ...row, schedule, periods: [] };
    const periods = start === null ? [] : [{ start, end: end! }];
    items.set(key, { ...item, periods: [...item.periods, ...periods] });
  }
  return [...items.values()];
}

/** Puts what is known now in place of what was known of the items before. */
export async function writeItems(
  tx: Transaction,
  tenantId: string,
  customer: StripeCustomer,
  items: readonly KnownItem[],
): Promise<void> {
  if (items.length === 0) return;
  await tx.query(UPSERT_ITEMS, [
    tenantId,
    ...namesOf(customer),
    items.map(({ itemId }) => itemId),
    items.map(({ stripeMeterId }) => stripeMeterId),
    items.map(({ subscriptionId }) => subscriptionId),
    items.map(({ eventName }) => eventName),
    items.map(({ startsAt }) => formatInstantMicros(startsAt)),
    items.map(({ endsAt }) => (endsAt === null ? null : formatInstantMicros(endsAt))),
    items.map(({ isLive }) => isLive),
    items.map(({ schedule }) => schedule.interval),
    items.map(({ schedule }) => schedule.intervalCount),
    items.map(({ schedule }) => formatInstantMicros(schedule.anchor)),
  ]);
  const periods = items.flatMap(({ itemId, stripeMeterId, periods }) =>
    periods.map((period) => ({ itemId, stripeMeterId, ...period })),
  );
  await tx.query(DELETE_PERIODS, [
    tenantId,
    customer.accountId,
    customer.livemode,
    items.map(({ itemId }) => itemId),
  ]);
  await tx.query(INSERT_PERIODS, [
    tenantId,
    customer.accountId,
    customer.livemode,
    periods.map(({ itemId }) => itemId),
    periods.map(({ stripeMeterId }) => stripeMeterId),
    periods.map(({ start }) => formatInstantMicros(start)),
    periods.map(({ end }) => formatInstantMicros(end)),
  ]);
}

/** Customers and meters of ours whose periods a Stripe customer's items say, or said. */
export async function metersSourcedAt(
  db: Queryable,
  tenantId: string,
  stripeCustomerId: string,
): Promise<(CustomerMeter & { eventName: string | null })[]> {
  return db.query(
    `SELECT DISTINCT b.customer_no AS "customerNo", b.meter_no AS "meterNo",
            s.stripe_event_name AS "eventName"
       FROM customer c
       JOIN billing_source b ON b.tenant_id = $1 AND b.customer_no = c.customer_no
       JOIN LATERAL (SELECT stripe_event_name FROM meter_settings s
              WHERE s.tenant_id = $1 AND s.meter_no = b.meter_no
              ORDER BY version DESC LIMIT 1) s ON true
      WHERE c.tenant_id = $1 AND c.stripe_customer_id = $2
      ORDER BY 1, 2`,
    [tenantId, stripeCustomerId],
  );
}

function namesOf({ accountId, livemode, stripeCustomerId }: StripeCustomer): unknown[] {
  return [accountId, livemode, stripeCustomerId];
}

const UPSERT_ITEMS = `
  INSERT INTO subscription_item (tenant_id, account_id, livemode, stripe_customer_id, item_id,
         stripe_meter_id, subscription_id, event_name, starts_at, ends_at, live, "interval",
         interval_count, anchor)
  SELECT $1, $2, $3, $4, i.*
    FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
                $10::timestamptz[], $11::boolean[], $12::text[], $13::integer[], $14::timestamptz[])
           AS i (item_id, stripe_meter_id, subscription_id, event_name, starts_at, ends_at, live,
                 "interval", interval_count, anchor)
   ORDER BY i.item_id, i.stripe_meter_id
  ON CONFLICT (tenant_id, account_id, livemode, item_id, stripe_meter_id) DO UPDATE
     SET event_name = excluded.event_name, starts_at = excluded.starts_at,
         ends_at = excluded.ends_at, live = excluded.live, "interval" = excluded."interval",
         interval_count = excluded.interval_count, anchor = excluded.anchor`;

const DELETE_PERIODS = `
  DELETE FROM item_period
   WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND item_id = ANY ($4::text[])`;

const INSERT_PERIODS = `
  INSERT INTO item_period (tenant_id, account_id, livemode, item_id, stripe_meter_id, period_start,
         period_end)
  SELECT $1, $2, $3, p.*
    FROM unnest($4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
           AS p (item_id, stripe_meter_id, period_start, period_end)
   ORDER BY 4, 5, 6
  RETURNING 1`;
