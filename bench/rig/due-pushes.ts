import { randomBytes } from 'node:crypto';
import type pg from 'pg';

export interface DuePushes {
  readonly pushes: number;
  readonly customers: number;
  readonly accountId: string;
  readonly livemode: boolean;
  readonly eventName: string;
}

const TENANT = `
  WITH tenant AS (
    INSERT INTO tenant (name, hash_key) VALUES ('default', $1) RETURNING tenant_id),
  meter AS (
    INSERT INTO meter (tenant_id, meter_no, key) SELECT tenant_id, 1, 'calls' FROM tenant),
  settings AS (
    INSERT INTO meter_settings (tenant_id, meter_no, version, aggregation, event_types,
           value_property, late_usage, stripe_event_name, push)
    SELECT tenant_id, 1, 1, 'sum', ARRAY['calls'], 'quantity', 'carry_forward', $2, 'live'
      FROM tenant)
  SELECT tenant_id AS "tenantId" FROM tenant`;

const CUSTOMERS = `
  INSERT INTO customer (tenant_id, customer_no, customer_id, stripe_customer_id)
  OVERRIDING SYSTEM VALUE
  SELECT $1, n, 'customer_' || n, 'cus_' || n FROM generate_series(1, $2::integer) n`;

const LANES = `
  INSERT INTO push_lane (tenant_id, lane_id, account_id, livemode, stripe_meter_id,
                         stripe_customer_id, customer_no, meter_no, period_start, active)
  SELECT $1, md5('lane ' || n)::uuid, $3, $4, 'mtr_1', 'cus_' || n, n, 1, date_trunc('month', now()), true
    FROM generate_series(1, $2::integer) n`;

/** Each of a customer's in a minute of its own, the first at the start of the time Stripe takes. */
const PUSHES = `
  WITH due AS (
    SELECT 'bench_' || n AS identifier, n % $3::integer + 1 AS customer_no, n / $3::integer AS place
      FROM generate_series(0, $2::integer - 1) n
  ), planned AS (
    INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status)
    SELECT $1, identifier, 1, 'pending' FROM due
  )
  INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no, period_start,
                    hour, value, "timestamp", account_id, livemode, stripe_customer_id, event_name,
                    customer_key, value_key, formula, closes, finalizes_at, transition_no, status,
                    next_attempt_at)
  SELECT $1, identifier, md5('lane ' || customer_no)::uuid, place + 1, 'delta', customer_no, 1,
         date_trunc('month', now()), NULL, 1,
         date_trunc('minute', now()) - interval '30 days' + place * interval '1 minute', $4, $5,
         'cus_' || customer_no, $6, 'stripe_customer_id', 'value', 'sum', customer_no % 2 = 0,
         date_trunc('hour', now()) + customer_no % 3 * interval '1 hour', 1, 'pending',
         now() - interval '1 minute'
    FROM due`;

/** The tenant `default` with pushes that are due, as the planner leaves them. */
export async function createDuePushes(pool: pg.Pool, due: DuePushes): Promise<void> {
  const { pushes, customers, accountId, livemode, eventName } = due;
  const made = await pool.query<{ tenantId: string }>(TENANT, [randomBytes(32), eventName]);
  const { tenantId } = made.rows[0]!;
  await pool.query(CUSTOMERS, [tenantId, customers]);
  await pool.query(LANES, [tenantId, customers, accountId, livemode]);
  await pool.query(PUSHES, [tenantId, pushes, customers, accountId, livemode, eventName]);
  await pool.query('ANALYZE');
}
