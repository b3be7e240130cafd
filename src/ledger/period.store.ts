import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

export interface NewPeriod {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly start: Micros;
  readonly end: Micros;
  /** Stripe says when it ends. */
  readonly ofItem: boolean;
}

/**
 * Writes the rows of periods that get their first entry; one that is there stays as it is.
 *
 * @param backfilledThrough Periods that end by it are left to a command by the own clock.
 */
export async function storePeriods(
  tx: Transaction,
  tenantId: string,
  periods: readonly NewPeriod[],
  backfilledThrough: Micros,
): Promise<void> {
  if (periods.length === 0) return;
  await tx.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, of_item,
            backfilled)
     SELECT DISTINCT $1::uuid, p.*, p.period_end <= $6::timestamptz
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $7::boolean[])
         AS p (customer_no, meter_no, period_start, period_end, of_item)
      ORDER BY p.customer_no, p.meter_no, p.period_start
         ON CONFLICT DO NOTHING`,
    [
      tenantId,
      periods.map((p) => p.customerNo),
      periods.map((p) => p.meterNo),
      periods.map((p) => formatInstantMicros(p.start)),
      periods.map((p) => formatInstantMicros(p.end)),
      formatInstantMicros(backfilledThrough),
      periods.map((p) => p.ofItem),
    ],
  );
}
