import { loadConfig, type Config } from '../../src/config/config.js';
import { formatInstantMicros, MICROS_PER_DAY, type Micros } from '../../src/domain/instant.js';
import type { UsageEvent } from '../../src/domain/usage-event.js';
import { MeterService } from '../../src/meters/meter.service.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import { StripeMeters } from '../../src/stripe/stripe-meters.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';
import type { CloseSubject } from './close-checker.js';

export const CUSTOMER = 'acme';
export const METER = 'tokens';

/** The first of the days that periods are made of; long past, so that no clock need be moved. */
export const FIRST_DAY: Micros = Date.UTC(2026, 0, 1) * 1_000;

/** A tenant with one meter of `sum` and one customer whose billing periods are UTC days. */
export interface DailyTenant extends TestTenant {
  readonly config: Readonly<Config>;
  readonly subject: CloseSubject;
}

export async function createDailyTenant(env: Record<string, string> = {}): Promise<DailyTenant> {
  const test = await createTestTenant();
  const { db, tenantId } = test;
  const config = loadConfig(env);
  const meters = new MeterService(db, new StripeMeters(db, new StripeAccounts(db, config)));
  const { meter } = await meters.put(tenantId, METER, { aggregation: 'sum' });
  const [customer] = await db.work.query<{ customerNo: number }>(
    `WITH made AS (
       INSERT INTO customer (tenant_id, customer_id) VALUES ($1, $2) RETURNING *),
     named AS (
       INSERT INTO customer_identity SELECT tenant_id, customer_id, customer_no FROM made),
     scheduled AS (
       INSERT INTO customer_schedule (tenant_id, customer_no, version, effective_from, "interval",
              interval_count, anchor, timezone)
       SELECT tenant_id, customer_no, 1, 'epoch', 'day', 1, $3::timestamptz, 'UTC' FROM made)
     SELECT customer_no AS "customerNo" FROM made`,
    [tenantId, CUSTOMER, formatInstantMicros(FIRST_DAY)],
  );
  const { customerNo } = customer!;
  return {
    ...test,
    config,
    subject: { tenantId, customerNo, meterNo: meter.meterNo, meterKey: meter.key },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}

export function dayStart(day: number): Micros {
  return FIRST_DAY + day * MICROS_PER_DAY;
}

export function usage(id: string, quantity: string, occurredAt: Micros | undefined): UsageEvent {
  return {
    usageEventId: id,
    source: '',
    customerId: CUSTOMER,
    meter: METER,
    quantity,
    occurredAt,
    properties: undefined,
  };
}
