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
 * @returns Whether one of them was there, though none was when they were looked for.
 */
export async function storePeriods(
  tx: Transaction,
  tenantId: string,
  periods: readonly NewPeriod[],
  backfilledThrough: Micros,
): Promise<boolean> {
  if (periods.length === 0) return false;
  const stored = await tx.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, of_item,
            backfilled)
     SELECT DISTINCT $1::uuid, p.*, p.period_end <= $6::timestamptz
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $7::boolean[])
         AS p (customer_no, meter_no, period_start, period_end, of_item)
      ORDER BY p.customer_no, p.meter_no, p.period_start
         ON CONFLICT DO NOTHING
     RETURNING 1`,
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
  const wanted = new Set(periods.map((p) => `${p.customerNo} ${p.meterNo} ${p.start}`));
  return stored.length < wanted.size;
}

/** Whether the own clock has closed one of these periods: it closes those that are stored, but for backfills. */
export async function isClosedByClock(
  tx: Transaction,
  tenantId: string,
  periods: readonly NewPeriod[],
  clockClosedThrough: Micros,
): Promise<boolean> {
  const closed = await tx.query(
    `SELECT FROM billing_period p
       JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS k (customer_no, meter_no, period_start) USING (customer_no, meter_no, period_start)
      WHERE p.tenant_id = $1 AND NOT p.backfilled AND NOT p.of_item
        AND p.period_end <= $5::timestamptz LIMIT 1`,
    [
      tenantId,
      periods.map((p) => p.customerNo),
      periods.map((p) => p.meterNo),
      periods.map((p) => formatInstantMicros(p.start)),
      formatInstantMicros(clockClosedThrough),
    ],
  );
  return closed.length > 0;
}
