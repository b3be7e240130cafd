import { keepPlan, type Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { isAdditive, type Aggregation, type Meter } from '../domain/meter.js';
import { carriedAsTold } from './carried-last.js';
import { HAS_LATE_VOID, lateVoids, STANDING_ENTRIES, STANDING_EXTREMES } from './late-voids.js';

/** Which usage is asked for. */
export interface UsageSelection {
  readonly tenantId: string;
  readonly meter: Meter;
  readonly customerNo: number | null;
  readonly from: Micros;
  readonly to: Micros;
  /** Indexes into the meter's dimensions. */
  readonly groupBy: readonly number[];
  /** For each dimension asked for, by index: the values that pass. */
  readonly filter: ReadonlyMap<number, readonly string[]>;
}

export interface UsageRow {
  readonly customer_id: string;
  /** Index of the window, or the period's start: whatever the windows are told apart by. */
  readonly w: number;
  readonly window_end: Micros | null;
  readonly group1: string | null;
  readonly group2: string | null;
  readonly value: string;
  readonly event_count: number;
}

const VALUE: Readonly<Record<Exclude<Aggregation, 'unique_count'>, string>> = {
  sum: 'sum(quantity_sum)',
  count: 'sum(entry_count)',
  max: 'max(quantity_max)',
  last: '(array_agg(last_quantity ORDER BY last_at DESC NULLS LAST, last_key DESC))[1]',
};

/** SQL: whether a row is of the customer $3, or of any where that is NULL. */
const ofCustomer = (alias: string, isOne: boolean): string =>
  isOne ? `${alias}.customer_no = $3::bigint` : '$3::bigint IS NULL';

const spanOf = (isOne: boolean): string => `
  SELECT min(bucket) AS first, max(bucket) AS last FROM (
    SELECT bucket FROM usage_total u
     WHERE tenant_id = $1 AND meter_no = $2 AND ${ofCustomer('u', isOne)}
     UNION ALL
    SELECT bucket FROM usage_delta u
     WHERE tenant_id = $1 AND meter_no = $2 AND ${ofCustomer('u', isOne)}) u`;

const SPAN_OF_ONE = keepPlan(spanOf(true));
const SPAN_OF_ALL = spanOf(false);

/** First and last quarter hour with usage of a meter; undefined where there is none. */
export async function usageSpan(
  db: Queryable,
  tenantId: string,
  meterNo: number,
  customerNo: number | null,
): Promise<{ first: Micros; last: Micros } | undefined> {
  const [span] = await db.query<{ first: Micros | null; last: Micros | null }>(
    customerNo === null ? SPAN_OF_ALL : SPAN_OF_ONE,
    [tenantId, meterNo, customerNo],
  );
  return span?.first == null || span.last == null
    ? undefined
    : { first: span.first, last: span.last };
}

/**
 * Usage by when it occurred, in windows that the boundaries b0 < b1 < ... cut.
 *
 * One statement over totals and deltas, so that every event answered before is in it.
 */
export async function usageByWindow(
  db: Queryable,
  selection: UsageSelection,
  boundaries: readonly Micros[],
): Promise<UsageRow[]> {
  return db.query<UsageRow>(
    statement(selection, {
      window: 'width_bucket(u.bucket, $10::timestamptz[])',
      end: 'NULL::timestamptz',
      where: 'u.bucket >= $8::timestamptz AND u.bucket < $9::timestamptz',
    }),
    [...parametersOf(selection), boundaries.map(formatInstantMicros)],
  );
}

/**
 * Usage by the period it is billed in: the periods that overlap the range, as their statements and
 * the amendments to them say. A value that was carried into a period is all that it has until it is
 * used; it has no dimensions, so that it is in no group and passes no filter.
 */
export async function usageByPeriod(db: Queryable, selection: UsageSelection): Promise<UsageRow[]> {
  const { meter, customerNo, groupBy, filter } = selection;
  const carries = meter.aggregation === 'last' && groupBy.length === 0 && filter.size === 0;
  return db.query<UsageRow>(
    statement(selection, {
      ...(carries ? { besides: carried(customerNo !== null) } : {}),
      window: 'u.period_start',
      end: 'p.period_end',
      where: `u.billable
          AND u.period_start < $9::timestamptz AND p.period_end > $8::timestamptz`,
      join: `JOIN billing_period p ON p.tenant_id = u.tenant_id AND p.customer_no = u.customer_no
               AND p.meter_no = u.meter_no AND p.period_start = u.period_start`,
    }),
    parametersOf(selection),
  );
}

function parametersOf(selection: UsageSelection): unknown[] {
  return [
    selection.tenantId,
    selection.meter.meterNo,
    selection.customerNo,
    selection.groupBy[0] ?? null,
    selection.groupBy[1] ?? null,
    selection.filter.get(0) ?? null,
    selection.filter.get(1) ?? null,
    formatInstantMicros(selection.from),
    formatInstantMicros(selection.to),
  ];
}

interface Cut {
  readonly window: string;
  readonly end: string;
  readonly where: string;
  readonly join?: string;
  /** More rows as `summed` has them. */
  readonly besides?: string;
}

/**
 * Stored periods that hold nothing but what they begin with: an open one, and one closed so. What that
 * is takes a handful of look-ups: `OFFSET 0` keeps them to such periods, and to one time each.
 */
const carried = (isOne: boolean): string => `
  SELECT p.customer_no, p.period_start AS w, p.period_end AS window_end, NULL AS group1,
         NULL AS group2, c.value, 0 AS event_count
    FROM (SELECT * FROM billing_period b
           WHERE b.tenant_id = $1 AND b.meter_no = $2 AND ${ofCustomer('b', isOne)}
             AND b.period_start < $9::timestamptz AND b.period_end > $8::timestamptz
             AND NOT EXISTS (SELECT FROM summed s
                              WHERE s.customer_no = b.customer_no AND s.w = b.period_start)
          OFFSET 0) p
   CROSS JOIN LATERAL (SELECT ${carriedAsTold('p')} AS value OFFSET 0) c
   WHERE c.value IS NOT NULL`;

function statement({ meter: { aggregation }, customerNo }: UsageSelection, cut: Cut): string {
  const isOne = customerNo !== null;
  const rows = (columns: string, table: string): string => `
    SELECT u.customer_no, ${cut.window} AS w, ${cut.end} AS window_end,
           u.dimensions::jsonb ->> $4::integer AS group1, u.dimensions::jsonb ->> $5::integer AS group2,
           ${columns}
      FROM ${table} u ${cut.join ?? ''}
     WHERE u.tenant_id = $1 AND u.meter_no = $2 AND ${ofCustomer('u', isOne)}
       AND ($6::text[] IS NULL OR u.dimensions::jsonb ->> 0 = ANY ($6))
       AND ($7::text[] IS NULL OR u.dimensions::jsonb ->> 1 = ANY ($7))
       AND ${cut.where}`;
  const group = 'customer_no, w, window_end, group1, group2';
  const counted = aggregation === 'unique_count';
  const adds = isAdditive(aggregation);
  // What adds up holds its voids. The rest is read from the ledger where a frozen total holds more.
  const counts = 'u.quantity_sum, u.entry_count';
  const extremes = 'u.quantity_max, u.last_quantity, u.last_at, u.last_key';
  const part = adds
    ? `${rows(`${counts}, ${extremes}`, 'usage_total')} UNION ALL ${rows(`${counts}, ${extremes}`, 'usage_delta')}`
    : `${rows(`${counts}, ${STANDING_EXTREMES}`, 'usage_total')}
       UNION ALL ${rows(`${counts}, ${STANDING_EXTREMES}`, 'usage_delta')}
       UNION ALL ${rows(`0, 0, ${extremes}`, '(SELECT * FROM standing)')}`;
  const uniques = `${rows('u.unique_key', 'usage_unique')} AND NOT ${HAS_LATE_VOID}
       UNION ALL ${rows('u.unique_key', '(SELECT * FROM standing)')}`;
  const text = `
    WITH ${adds ? '' : `${lateVoids(ofCustomer('v', isOne))}, ${STANDING_ENTRIES},`} part AS (${part}),
    summed AS (
      SELECT ${group}, ${counted ? '0' : VALUE[aggregation]} AS value, sum(entry_count) AS event_count
        FROM part GROUP BY ${group}
       -- A window that holds nothing but what was voided is one without usage.
      HAVING sum(entry_count) <> 0 OR sum(quantity_sum) <> 0)
    ${
      counted
        ? `, uniques AS (SELECT ${group}, count(DISTINCT unique_key) AS value
        FROM (${uniques}) u GROUP BY ${group})`
        : ''
    }
    SELECT c.customer_id, s.w, s.window_end, s.group1, s.group2,
           trim_scale(coalesce(${counted ? 'n' : 's'}.value, 0)::numeric)::text AS value,
           s.event_count::bigint AS event_count
      FROM ${cut.besides === undefined ? 'summed' : `(SELECT * FROM summed UNION ALL ${cut.besides})`} s
      ${
        counted
          ? `LEFT JOIN uniques n ON n.customer_no = s.customer_no AND n.w = s.w
             AND n.group1 IS NOT DISTINCT FROM s.group1 AND n.group2 IS NOT DISTINCT FROM s.group2`
          : ''
      }
      JOIN customer c ON c.tenant_id = $1 AND c.customer_no = s.customer_no
     ORDER BY c.customer_id, s.w, s.group1, s.group2`;
  // Of all customers the plan hangs on how many there are, and takes no time beside the answer.
  return isOne ? keepPlan(text) : text;
}
