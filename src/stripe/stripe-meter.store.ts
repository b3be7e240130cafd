import type Stripe from 'stripe';
import type { Queryable } from '../database/connections.js';
import type { StripeAccount } from './stripe-account.js';
import type { StripeMeter } from './stripe-meter.js';

const SELECT = `
  SELECT stripe_meter_id AS "stripeMeterId", event_name AS "eventName", formula, status,
         event_time_window AS "eventTimeWindow", customer_key AS "customerKey",
         value_key AS "valueKey", read_at AS "readAt"
    FROM stripe_meter
   WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND event_name = $4`;

const DELETE_OTHERS = `
  DELETE FROM stripe_meter
   WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND event_name <> ALL ($4::text[])`;

const UPSERT = `
  INSERT INTO stripe_meter (tenant_id, account_id, livemode, event_name, stripe_meter_id, formula,
                            status, event_time_window, customer_key, value_key, read_at)
  SELECT $1, $2, $3, m.*, now()
    FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
      AS m (event_name, stripe_meter_id, formula, status, event_time_window, customer_key, value_key)
   ORDER BY m.event_name
  ON CONFLICT (tenant_id, account_id, livemode, event_name) DO UPDATE
     SET stripe_meter_id = excluded.stripe_meter_id, formula = excluded.formula,
         status = excluded.status, event_time_window = excluded.event_time_window,
         customer_key = excluded.customer_key, value_key = excluded.value_key,
         read_at = excluded.read_at`;

export async function storedMeter(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: StripeAccount,
  eventName: string,
): Promise<StripeMeter | undefined> {
  const [meter] = await db.query<StripeMeter>(SELECT, [tenantId, accountId, livemode, eventName]);
  return meter;
}

/** Keeps what a whole listing of an account's meters said, and only that. */
export async function storeMeters(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: StripeAccount,
  meters: readonly Stripe.Billing.Meter[],
): Promise<void> {
  const names = meters.map((meter) => meter.event_name);
  await db.query(DELETE_OTHERS, [tenantId, accountId, livemode, names]);
  await db.query(UPSERT, [
    tenantId,
    accountId,
    livemode,
    names,
    meters.map((meter) => meter.id),
    meters.map((meter) => meter.default_aggregation.formula),
    meters.map((meter) => meter.status),
    meters.map((meter) => meter.event_time_window),
    meters.map((meter) => meter.customer_mapping.event_payload_key),
    meters.map((meter) => meter.value_settings.event_payload_key),
  ]);
}
