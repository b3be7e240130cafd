import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { carriedAsWritten } from '../usage/carried-last.js';

/** A period, and what the one before it came to. */
export interface CarriedValue {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly start: Micros;
  readonly end: Micros;
  readonly backfilled: boolean;
  readonly ofItem: boolean;
  readonly value: string;
  /** Whether there is anything to carry, so that a period that is not stored yet begins with it. */
  readonly holds: boolean;
}

/** Opens periods with what they begin with, or lets open ones begin with it. */
export async function carryIntoOpen(
  tx: Transaction,
  tenantId: string,
  next: readonly CarriedValue[],
): Promise<void> {
  await tx.query(
    `INSERT INTO billing_period AS p (tenant_id, customer_no, meter_no, period_start, period_end,
            backfilled, of_item, carried_last)
     SELECT $1, n.customer_no, n.meter_no, n.period_start,
            -- Boundaries of another schedule hold where they are stored.
            least(n.period_end, (
              SELECT min(l.period_start) FROM billing_period l
               WHERE l.tenant_id = $1 AND l.customer_no = n.customer_no AND l.meter_no = n.meter_no
                 AND l.period_start > n.period_start)),
            n.backfilled, n.of_item, n.value
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::boolean[],
                   $7::boolean[], $8::numeric[], $9::boolean[])
         AS n (customer_no, meter_no, period_start, period_end, backfilled, of_item, value, holds)
      WHERE n.holds OR EXISTS (
            SELECT FROM billing_period o
             WHERE o.tenant_id = $1 AND o.customer_no = n.customer_no AND o.meter_no = n.meter_no
               AND o.period_start = n.period_start)
      ORDER BY 2, 3, 4
         ON CONFLICT ON CONSTRAINT billing_period_pkey DO UPDATE
        SET carried_last = excluded.carried_last WHERE p.closed_at IS NULL`,
    [
      tenantId,
      next.map((n) => n.customerNo),
      next.map((n) => n.meterNo),
      next.map((n) => formatInstantMicros(n.start)),
      next.map((n) => formatInstantMicros(n.end)),
      next.map((n) => n.backfilled),
      next.map((n) => n.ofItem),
      next.map((n) => n.value),
      next.map((n) => n.holds),
    ],
  );
}

const DUE = `
  INSERT INTO amendment_due (tenant_id, customer_no, meter_no, period_start, due_at)
  SELECT $1, p.customer_no, p.meter_no, p.period_start, $6::timestamptz
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::numeric[])
           AS n (customer_no, meter_no, period_start, value)
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = n.customer_no
     AND p.meter_no = n.meter_no AND p.period_start = n.period_start
    JOIN tenant t ON t.tenant_id = $1
   WHERE CASE WHEN p.closed_at IS NOT NULL
              THEN ${carriedAsWritten('p')} IS DISTINCT FROM n.value
                   AND NOT EXISTS (
                        SELECT FROM period_amendment a
                         WHERE a.tenant_id = $1 AND a.customer_no = p.customer_no
                           AND a.meter_no = p.meter_no AND a.period_start = p.period_start
                           AND a.created_at IS NULL)
              ELSE ($7::timestamptz IS NULL OR p.period_end > $7)
                   AND (p.period_end <= t.closed_through OR EXISTS (
                        SELECT FROM close_mark k
                         WHERE k.tenant_id = $1 AND k.customer_no IN (0, p.customer_no)
                           AND k.meter_no IN (0, p.meter_no) AND k.closed_through >= p.period_end))
         END
   ORDER BY 2, 3, 4
      ON CONFLICT DO NOTHING`;

/**
 * Has those that are closed looked at, whether what they begin with now makes an amendment; and those
 * closed that a mark has passed before there was anything in them. At once: what comes from a period that
 * waited need not wait again. After {@link carryIntoOpen}, which has locked them, and in a statement of
 * its own: it sees what it waited for, and what is sealed and not written will begin with this.
 *
 * @param closing Through when a close at work closes anyway.
 */
export async function carryIntoClosed(
  tx: Transaction,
  tenantId: string,
  next: readonly CarriedValue[],
  { at, closing }: { readonly at: Micros; readonly closing: Micros | null },
): Promise<void> {
  await tx.query(DUE, [
    tenantId,
    next.map((n) => n.customerNo),
    next.map((n) => n.meterNo),
    next.map((n) => formatInstantMicros(n.start)),
    next.map((n) => n.value),
    formatInstantMicros(at),
    closing === null ? null : formatInstantMicros(closing),
  ]);
}
