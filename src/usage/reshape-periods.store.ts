import type { CustomerMeter } from '../customers/billing-source.store.js';
import type { Transaction } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { SourcedPeriod } from '../domain/period-source.js';

/** A billing period that has a row. */
export interface StoredPeriod extends SourcedPeriod {
  readonly backfilled: boolean;
  /** It has its statement, or a close that is under way will write it. */
  readonly isClosed: boolean;
}

/** What of one customer and meter is brought into another shape. */
export interface ReshapeScope extends CustomerMeter {
  /** Where the first of the periods begins. */
  readonly from: Micros;
  /** Periods that stay as they are, by their starts. */
  readonly closedStarts: readonly Micros[];
}

/** $1 tenant, $2 customer, $3 meter, $4 from, $5 starts of closed periods. */
export function scopeParameters(tenantId: string, scope: ReshapeScope): unknown[] {
  return [
    tenantId,
    scope.customerNo,
    scope.meterNo,
    formatInstantMicros(scope.from),
    scope.closedStarts.map((start) => formatInstantMicros(start)),
  ];
}

export const IN_SCOPE = `
  tenant_id = $1 AND customer_no = $2 AND meter_no = $3 AND period_start >= $4::timestamptz
  AND period_start <> ALL ($5::timestamptz[])`;

/** In order of their start. */
export async function storedPeriods(
  tx: Transaction,
  tenantId: string,
  { customerNo, meterNo }: CustomerMeter,
  gate: GateState,
): Promise<StoredPeriod[]> {
  return tx.query<StoredPeriod>(
    `SELECT p.period_start AS "start", p.period_end AS "end", p.backfilled, p.of_item AS "ofItem",
            (p.closed_at IS NOT NULL OR p.period_end <= $4::timestamptz
             OR (NOT p.backfilled AND NOT p.of_item AND p.period_end <= $5::timestamptz)
             OR EXISTS (SELECT FROM close_mark k
                         WHERE k.tenant_id = $1 AND k.customer_no IN (0, $2)
                           AND k.meter_no IN (0, $3) AND k.closed_through >= p.period_end))
              AS "isClosed"
       FROM billing_period p
      WHERE p.tenant_id = $1 AND p.customer_no = $2 AND p.meter_no = $3
      ORDER BY p.period_start`,
    [
      tenantId,
      customerNo,
      meterNo,
      formatInstantMicros(gate.closedThrough),
      formatInstantMicros(gate.clockClosedThrough),
    ],
  );
}

/**
 * @returns What was carried into those that are removed, by their starts: statements and amendments
 * carry it on without the gate, so that it may have changed since they were read.
 */
export async function removeOpenPeriods(
  tx: Transaction,
  tenantId: string,
  scope: ReshapeScope,
): Promise<Map<Micros, string | null>> {
  const parameters = scopeParameters(tenantId, scope);
  for (const table of ['push_work', 'push_hold']) {
    await tx.query(`DELETE FROM ${table} WHERE ${IN_SCOPE}`, parameters);
  }
  const removed = await tx.query<{ start: Micros; carriedLast: string | null }>(
    `DELETE FROM billing_period WHERE ${IN_SCOPE}
     RETURNING period_start AS "start", trim_scale(carried_last)::text AS "carriedLast"`,
    parameters,
  );
  return new Map(removed.map(({ start, carriedLast }) => [start, carriedLast]));
}

/**
 * Stores those of the periods that hold anything: usage, a value carried over, or what Stripe got.
 * Each is to be planned: it may owe Stripe something, in either direction.
 */
export async function restorePeriods(
  tx: Transaction,
  tenantId: string,
  { customerNo, meterNo }: ReshapeScope,
  periods: readonly (SourcedPeriod & {
    readonly backfilled: boolean;
    readonly carriedLast: string | null;
  })[],
): Promise<void> {
  const used = await tx.query<{ start: Micros }>(USED_PERIODS, [
    tenantId,
    customerNo,
    meterNo,
    periods.map(({ start }) => formatInstantMicros(start)),
  ]);
  const usedStarts = new Set(used.map(({ start }) => start));
  const kept = periods.filter(
    ({ start, carriedLast }) => carriedLast !== null || usedStarts.has(start),
  );
  const starts = kept.map(({ start }) => formatInstantMicros(start));
  await tx.query(RESTORE_PERIODS, [
    tenantId,
    customerNo,
    meterNo,
    starts,
    kept.map(({ end }) => formatInstantMicros(end)),
    kept.map(({ backfilled }) => backfilled),
    kept.map(({ ofItem }) => ofItem),
    kept.map(({ carriedLast }) => carriedLast),
  ]);
  await tx.query(PLAN_RESTORED, [tenantId, customerNo, meterNo, starts]);
}

const USED_PERIODS = `
  SELECT period_start AS "start" FROM usage_total
   WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3
     AND period_start = ANY ($4::timestamptz[]) AND billable
   UNION
  SELECT period_start FROM push
   WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3
     AND period_start = ANY ($4::timestamptz[]) AND status NOT IN ('pending', 'rejected', 'shadow')`;

const RESTORE_PERIODS = `
  INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled,
         of_item, carried_last)
  SELECT $1, $2, $3, p.period_start, p.period_end, p.backfilled, p.of_item, p.carried_last
    FROM unnest($4::timestamptz[], $5::timestamptz[], $6::boolean[], $7::boolean[], $8::numeric[])
           AS p (period_start, period_end, backfilled, of_item, carried_last)
  RETURNING 1`;

const PLAN_RESTORED = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT $1, $2, $3, r.period_start, false FROM unnest($4::timestamptz[]) AS r (period_start)
   WHERE EXISTS (SELECT FROM push w WHERE w.tenant_id = $1 AND w.customer_no = $2 AND w.meter_no = $3)
   ORDER BY r.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
       SET closed = push_work.closed OR excluded.closed`;
