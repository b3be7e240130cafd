import { randomUUID } from 'node:crypto';
import { formatInstantMicros, type Micros } from '../../src/domain/instant.js';
import { setPushStatus } from './push-status.js';
import type { TestTenant } from './tenant.js';

type Owner = Pick<TestTenant, 'db' | 'tenantId'>;

const PERIOD = {
  start: Date.UTC(2026, 10, 1) * 1_000,
  end: Date.UTC(2026, 11, 1) * 1_000,
};

/** A total of a meter, as if usage had been recorded, without the ledger behind it. */
export async function recordUsage(
  { db, tenantId }: Owner,
  meterNo: number,
  table: 'usage_total' | 'usage_delta' = 'usage_total',
): Promise<void> {
  await db.work.query(
    `INSERT INTO ${table} VALUES ($1, 1, $2, $3, $3, 0, true, $3, '[]', 1, 1, 1, 1, $3, $4, 0)`,
    [tenantId, meterNo, formatInstantMicros(PERIOD.start), randomUUID()],
  );
}

/** A billing period of one customer and meter: November 2026, unless said otherwise. */
export async function recordPeriod(
  { db, tenantId }: Owner,
  period: {
    readonly customerNo?: number;
    readonly meterNo?: number;
    readonly start?: Micros;
    readonly end?: Micros;
    readonly closed?: boolean;
    readonly backfilled?: boolean;
  } = {},
): Promise<void> {
  const closed = period.closed ?? false;
  await db.work.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end,
            backfilled, closed_at, period_close_id, value, carried_in, event_count, digest)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::integer, $9, $9, $10)`,
    [
      tenantId,
      period.customerNo ?? 1,
      period.meterNo ?? 1,
      formatInstantMicros(period.start ?? PERIOD.start),
      formatInstantMicros(period.end ?? PERIOD.end),
      period.backfilled ?? false,
      closed ? formatInstantMicros(period.end ?? PERIOD.end) : null,
      closed ? randomUUID() : null,
      closed ? 0 : null,
      closed ? Buffer.alloc(32) : null,
    ],
  );
}

/** A billing period with a push of it. */
export async function recordDelivery(
  test: Owner,
  delivery: {
    readonly customerNo?: number;
    readonly meterNo?: number;
    readonly status: string;
    readonly closed?: boolean;
  },
): Promise<void> {
  const { customerNo = 1, meterNo = 1, status, closed = false } = delivery;
  await recordPeriod(test, { customerNo, meterNo, closed });
  const start = formatInstantMicros(PERIOD.start);
  const identifier = randomUUID();
  await test.db.work.query(
    `INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status)
     VALUES ($1, $2, 1, 'pending')`,
    [test.tenantId, identifier],
  );
  await test.db.work.query(
    `INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no,
            period_start, value, "timestamp", account_id, livemode, stripe_customer_id, event_name,
            customer_key, value_key, formula, finalizes_at, transition_no, status, next_attempt_at)
     VALUES ($1, $2, $3, 1, 'delta', $4, $5, $6, 1, $6, 'acct_1', false, 'cus_1', 'tokens',
            'stripe_customer_id', 'value', 'sum', $6, 1, 'pending', $6)`,
    [test.tenantId, identifier, randomUUID(), customerNo, meterNo, start],
  );
  await setPushStatus(test.db.work, test.tenantId, identifier, status);
}
