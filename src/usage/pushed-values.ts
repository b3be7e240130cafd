import type { Queryable } from '../database/connections.js';
import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import type { Micros } from '../domain/instant.js';
import { totalStandings, type PushSums, type StandingTotal } from '../domain/push-standing.js';
import { BILLING_INVOICE, CLOCKS_APART_S } from '../outbox/billing-invoice.js';
import { UNBILLABLE_REASONS } from '../outbox/hold-reason.js';
import { periodKeyArrays, periodKeyText, periodValues, type PeriodKey } from './period-values.js';

/** What became of a period's value on its way to Stripe; the eight add up to it. */
export interface PushedValue {
  readonly delivered: string;
  readonly confirmed: string;
  /** Not sent yet, or on its way. */
  readonly pending: string;
  /** Sent, and whether it arrived is not known, or is disputed. */
  readonly unknown: string;
  readonly held: string;
  readonly rejected: string;
  /** Not to be pushed: the meter is off or in shadow mode, or it was before `push_from`. */
  readonly excluded: string;
  /** Not pushed, and Stripe bills it no more; or it arrived after the invoice was final. */
  readonly unbillable: string;
}

interface DeltaRow extends PeriodKey, PushSums {
  readonly held: string;
  /** Of the sums, what lies in hours before `push_from`. */
  readonly beforePushFrom: string;
  readonly mode: 'off' | 'shadow' | 'live';
  readonly pushFrom: Micros | null;
}

/** The newest total of a lane in one kind of status. */
interface TotalRow extends PeriodKey, StandingTotal {
  readonly laneId: string;
}

/** When the invoice that bills period `k` became final, to be joined by LATERAL. */
export const FINALIZED = `
  SELECT i.finalized_at
    FROM billing_period o CROSS JOIN LATERAL (${BILLING_INVOICE}) i
   WHERE o.tenant_id = $1 AND o.customer_no = k.customer_no AND o.meter_no = k.meter_no
     AND o.period_start = k.period_start AND i.status <> 'draft'`;

/**
 * Stripe counts what arrives later still, and bills it to nobody. By both clocks: where it is not
 * certain that the first attempt came after period `k`'s invoice was final, it counts as billed.
 */
export const STANDING = `
  CASE WHEN p.status IN ('delivered', 'confirmed')
        AND p.first_attempt_at + p.clock_offset_micros * interval '1 microsecond'
            > k.finalized_at + interval '${String(CLOCKS_APART_S)} seconds' THEN 'unbillable'
       WHEN p.status = 'disputed' THEN 'unknown'
       WHEN p.status = 'sending' THEN 'pending'
       ELSE p.status END`;

/** Only lanes still in use count: what another account or customer got is another matter. */
const DELTAS = `
  WITH k AS MATERIALIZED (
    SELECT k.*, coalesce(c.push, s.push) AS mode, s.push_from, f.finalized_at
      FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
             AS k (customer_no, meter_no, period_start)
      JOIN customer c ON c.tenant_id = $1 AND c.customer_no = k.customer_no
      JOIN LATERAL (
             SELECT push, push_from FROM meter_settings s
              WHERE s.tenant_id = $1 AND s.meter_no = k.meter_no
              ORDER BY version DESC LIMIT 1) s ON true
      LEFT JOIN LATERAL (${FINALIZED}) f ON true
  ), delta AS (
    SELECT k.customer_no, k.meter_no, k.period_start, ${STANDING} AS standing, p.value,
           p.hour IS NOT NULL AND greatest(p.hour, k.period_start) < k.push_from AS before_push_from
      FROM k JOIN push p USING (customer_no, meter_no, period_start)
      JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id AND NOT l.superseded
     WHERE p.tenant_id = $1 AND p.kind = 'delta' AND NOT p.replaced AND p.purpose <> 'repair'
       AND p.status IN ('delivered', 'confirmed', 'unknown', 'disputed', 'rejected')
  ), pushed AS (
    SELECT customer_no, meter_no, period_start,
           sum(value) FILTER (WHERE standing = 'delivered') AS delivered,
           sum(value) FILTER (WHERE standing = 'confirmed') AS confirmed,
           sum(value) FILTER (WHERE standing = 'unknown') AS unknown,
           sum(value) FILTER (WHERE standing = 'rejected') AS rejected,
           sum(value) FILTER (WHERE standing = 'unbillable') AS late,
           sum(value) FILTER (WHERE before_push_from) AS before_push_from
      FROM delta GROUP BY customer_no, meter_no, period_start
  ), held AS (
    SELECT customer_no, meter_no, period_start,
           sum(h.value) FILTER (WHERE h.reason <> ALL ($5::text[])) AS held,
           sum(h.value) FILTER (WHERE h.reason = ANY ($5::text[])) AS unsent
      FROM k JOIN push_hold h USING (customer_no, meter_no, period_start)
     WHERE h.tenant_id = $1
     GROUP BY customer_no, meter_no, period_start
  )
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart",
         k.mode, k.push_from AS "pushFrom",
         trim_scale(coalesce(delivered, 0))::text AS "delivered",
         trim_scale(coalesce(confirmed, 0))::text AS "confirmed",
         trim_scale(coalesce(unknown, 0))::text AS "unknown",
         trim_scale(coalesce(rejected, 0))::text AS "rejected",
         trim_scale(coalesce(before_push_from, 0))::text AS "beforePushFrom",
         trim_scale(coalesce(held, 0))::text AS "held",
         trim_scale(coalesce(unsent, 0) + coalesce(late, 0))::text AS "unbillable"
    FROM k LEFT JOIN pushed USING (customer_no, meter_no, period_start)
    LEFT JOIN held USING (customer_no, meter_no, period_start)`;

const TOTALS = `
  WITH k AS MATERIALIZED (
    SELECT k.*, f.finalized_at
      FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
             AS k (customer_no, meter_no, period_start)
      LEFT JOIN LATERAL (${FINALIZED}) f ON true
  )
  SELECT DISTINCT ON (p.customer_no, p.meter_no, p.period_start, p.lane_id, standing)
         p.customer_no AS "customerNo", p.meter_no AS "meterNo", p.period_start AS "periodStart",
         p.lane_id AS "laneId",
         ${STANDING} AS standing, p.sequence, trim_scale(p.value)::text AS "value"
    FROM k
    JOIN push p ON p.tenant_id = $1 AND p.customer_no = k.customer_no AND p.meter_no = k.meter_no
     AND p.period_start = k.period_start
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id AND NOT l.superseded
   WHERE p.kind = 'total' AND NOT p.replaced AND p.status <> 'shadow' AND p.purpose <> 'repair'
   ORDER BY p.customer_no, p.meter_no, p.period_start, p.lane_id, standing, p.sequence DESC`;

/**
 * What became of the values of periods.
 *
 * @param periods Each with its billed value, as its statement or its totals say.
 * @returns By `periodKeyText`, one for each period.
 */
export async function pushedValues(
  db: Queryable,
  tenantId: string,
  periods: readonly (PeriodKey & { readonly value: string })[],
): Promise<Map<string, PushedValue>> {
  if (periods.length === 0) return new Map();
  const parameters = [tenantId, ...periodKeyArrays(periods)];
  const deltas = await db.query<DeltaRow>(DELTAS, [...parameters, UNBILLABLE_REASONS]);
  const totals = grouped(await db.query<TotalRow>(TOTALS, parameters), periodKeyText);
  const excluded = await valuesBeforePushFrom(db, tenantId, periods, deltas);
  const billed = new Map(periods.map((period) => [periodKeyText(period), period.value]));
  return new Map(
    deltas.map((row) => {
      const key = periodKeyText(row);
      const byLane = grouped(totals.get(key) ?? [], ({ laneId }) => laneId);
      const sums = [row, ...[...byLane.values()].map(totalStandings)];
      return [key, toPushedValue(row, sums, billed.get(key)!, excluded.get(key))];
    }),
  );
}

function toPushedValue(
  row: DeltaRow,
  sums: readonly PushSums[],
  value: string,
  excludedValue: string | undefined,
): PushedValue {
  const pushed = {
    delivered: sumOf(sums.map(({ delivered }) => delivered)),
    confirmed: sumOf(sums.map(({ confirmed }) => confirmed)),
    unknown: sumOf(sums.map(({ unknown }) => unknown)),
    rejected: sumOf(sums.map(({ rejected }) => rejected)),
    unbillable: sumOf(sums.map(({ unbillable }) => unbillable)),
    held: row.held,
  };
  const rest = difference(value, sumOf(Object.values(pushed)));
  if (row.mode !== 'live') return { ...pushed, pending: '0', excluded: rest };
  const excluded = excludedValue ?? '0';
  return { ...pushed, pending: difference(rest, excluded), excluded };
}

/** For periods that `push_from` cuts: what lies before it and was not pushed all the same. */
async function valuesBeforePushFrom(
  db: Queryable,
  tenantId: string,
  periods: readonly (PeriodKey & { readonly value: string })[],
  rows: readonly DeltaRow[],
): Promise<Map<string, string>> {
  const cut = rows.filter(({ pushFrom, periodStart }) => (pushFrom ?? 0) > periodStart);
  const keys = cut.map((row) => ({ ...row, from: row.pushFrom }));
  const after = new Map(
    (await periodValues(db, tenantId, keys)).map((row) => [periodKeyText(row), row.value]),
  );
  const billed = new Map(periods.map((period) => [periodKeyText(period), period.value]));
  return new Map(
    cut.map((row) => {
      const key = periodKeyText(row);
      const before = difference(billed.get(key)!, after.get(key) ?? '0');
      return [key, difference(before, row.beforePushFrom)];
    }),
  );
}

function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}
