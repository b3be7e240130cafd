import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';
import {
  CLOSE_SCOPE,
  closeScopeParameters,
  type CloseScope,
} from '../ledger/close-request.store.js';

export interface DuePeriod {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly periodEnd: Micros;
  readonly carriedLast: string | null;
  readonly backfilled: boolean;
  readonly ofItem: boolean;
  readonly aggregation: Aggregation;
  readonly carryLast: boolean;
  readonly pushed: boolean;
}

export interface Statement {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly value: string;
  readonly carriedIn: string;
  readonly eventCount: number;
  readonly digest: Buffer;
}

/** Where in the order of due periods a close has come to. */
export type ClosePlace = Pick<DuePeriod, 'periodEnd' | 'customerNo' | 'meterNo'>;

/**
 * Locks the next due periods in order of their end. Whoever else closes takes others. Where a meter
 * carries its value over, a period waits for the one before it, in this set or in another's: the
 * one after it may have been used and yet hold nothing, all of it voided.
 *
 * @param from Those before it are not looked at. What was closed stays in the index for as long as
 *   anybody reads an older snapshot: to pass all of it again for each set made closes quadratic.
 */
export async function takeDue(
  tx: Transaction,
  tenantId: string,
  scope: CloseScope,
  limit: number,
  from: ClosePlace | undefined,
): Promise<DuePeriod[]> {
  return tx.query<DuePeriod>(
    `WITH carrying AS (
       SELECT DISTINCT ON (meter_no) meter_no, carry_last FROM meter_settings
        WHERE tenant_id = $1 ORDER BY meter_no, version DESC),
     due AS (
       SELECT customer_no, meter_no, period_start, period_end, carried_last, backfilled,
              of_item
         FROM billing_period p
        WHERE ${CLOSE_SCOPE} AND closed_at IS NULL
          AND (period_end, customer_no, meter_no) >= ($7::timestamptz, $8::bigint, $9::integer)
          AND NOT (meter_no IN (SELECT meter_no FROM carrying WHERE carry_last)
                   AND EXISTS (SELECT FROM billing_period
                                WHERE ${CLOSE_SCOPE} AND closed_at IS NULL
                                  AND customer_no = p.customer_no AND meter_no = p.meter_no
                                  AND period_end <= p.period_start))
        ORDER BY period_end, customer_no, meter_no LIMIT $6
          FOR UPDATE SKIP LOCKED)
     SELECT d.customer_no AS "customerNo", d.meter_no AS "meterNo",
            d.period_start AS "periodStart", d.period_end AS "periodEnd",
            trim_scale(d.carried_last)::text AS "carriedLast", d.backfilled,
            d.of_item AS "ofItem", s.aggregation,
            s.carry_last AS "carryLast", coalesce(c.push, s.push) <> 'off' AS pushed
       FROM due d
       JOIN customer c ON c.tenant_id = $1 AND c.customer_no = d.customer_no
      CROSS JOIN LATERAL (SELECT aggregation, carry_last, push FROM meter_settings s
             WHERE s.tenant_id = $1 AND s.meter_no = d.meter_no ORDER BY version DESC LIMIT 1) s
      ORDER BY d.period_end, d.customer_no, d.meter_no`,
    [
      ...closeScopeParameters(tenantId, scope),
      limit,
      from === undefined ? '-infinity' : formatInstantMicros(from.periodEnd),
      from?.customerNo ?? 0,
      from?.meterNo ?? 0,
    ],
  );
}

/**
 * Writes statements. A period that has one keeps it: the count tells how many were new. Asked by its
 * value, since by closed_at the index of what is due was read whole for each set.
 */
export async function writeStatements(
  tx: Transaction,
  tenantId: string,
  closeId: string,
  closedAt: Micros,
  statements: readonly Statement[],
): Promise<number> {
  const rows = await tx.query(
    `WITH written AS (
       UPDATE billing_period p
          SET closed_at = $3::timestamptz, period_close_id = $2, value = s.value,
              carried_in = s.carried_in, event_count = s.event_count, digest = s.digest
         FROM unnest($4::bigint[], $5::integer[], $6::timestamptz[], $7::numeric[], $8::numeric[],
                     $9::bigint[], $10::bytea[])
           AS s (customer_no, meter_no, period_start, value, carried_in, event_count, digest)
        WHERE p.tenant_id = $1 AND p.customer_no = s.customer_no AND p.meter_no = s.meter_no
          AND p.period_start = s.period_start AND p.value IS NULL
       RETURNING 1)
     SELECT 1 FROM written`,
    [
      tenantId,
      closeId,
      formatInstantMicros(closedAt),
      statements.map((s) => s.customerNo),
      statements.map((s) => s.meterNo),
      statements.map((s) => formatInstantMicros(s.periodStart)),
      statements.map((s) => s.value),
      statements.map((s) => s.carriedIn),
      statements.map((s) => s.eventCount),
      statements.map((s) => s.digest),
    ],
  );
  return rows.length;
}

/** Hands closed periods to the push stage. */
export async function owePushes(
  tx: Transaction,
  tenantId: string,
  periods: readonly { customerNo: number; meterNo: number; periodStart: Micros }[],
): Promise<void> {
  if (periods.length === 0) return;
  await tx.query(
    `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
     SELECT $1, w.*, true
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[]) AS w (customer_no, meter_no, period_start)
      ORDER BY 2, 3, 4
         ON CONFLICT ON CONSTRAINT push_work_pkey DO UPDATE SET closed = true`,
    [
      tenantId,
      periods.map((p) => p.customerNo),
      periods.map((p) => p.meterNo),
      periods.map((p) => formatInstantMicros(p.periodStart)),
    ],
  );
}
