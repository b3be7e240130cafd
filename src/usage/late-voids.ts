import { isLater } from '../ledger/event-rows.js';

/**
 * What was voided after its period was closed, of meters whose values do not add up. The totals that
 * the statement was made of never change, so they still hold it; what stands in such a quarter hour
 * is read from the ledger instead.
 *
 * Parameters of all: $1 tenant, $2 meter.
 *
 * @param isOfCustomer SQL: whether the row `v` is of a customer that is asked for.
 */
export const lateVoids = (isOfCustomer: string): string => `
  late_void AS MATERIALIZED (
    SELECT DISTINCT v.customer_no, v.period_start, v.billable, v.dimensions,
           date_bin('15 minutes', v.occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket
      FROM usage_entry v
     WHERE v.tenant_id = $1 AND v.meter_no = $2 AND v.is_void AND v.revision > 0
       AND ${isOfCustomer})`;

/** For a row `u` of totals or sets: whether the ledger is read in its place. */
export const HAS_LATE_VOID = `EXISTS (
  SELECT FROM late_void v
   WHERE v.customer_no = u.customer_no AND v.period_start = u.period_start
     AND v.billable = u.billable AND v.dimensions = u.dimensions AND v.bucket = u.bucket)`;

/** The columns of a total that do not add up, nothing where the ledger is read in their place. */
export const STANDING_EXTREMES = ['quantity_max', 'last_quantity', 'last_at', 'last_key']
  .map((name) => `CASE WHEN NOT ${HAS_LATE_VOID} THEN u.${name} END AS ${name}`)
  .join(', ');

/** The entries of those quarter hours that were not voided, as if each were a total. */
export const STANDING_ENTRIES = `
  standing AS (
    SELECT e.tenant_id, e.customer_no, e.meter_no, e.period_start, e.revision, e.billable,
           e.dimensions, e.unique_key, v.bucket, e.quantity AS quantity_max,
           e.quantity AS last_quantity, e.occurred_at AS last_at, e.event_key AS last_key
      FROM late_void v
      JOIN usage_entry e ON e.tenant_id = $1 AND e.meter_no = $2 AND e.customer_no = v.customer_no
       AND e.period_start = v.period_start AND e.billable = v.billable
       AND e.dimensions = v.dimensions AND NOT e.is_void
       AND e.occurred_at >= v.bucket AND e.occurred_at < v.bucket + interval '15 minutes'
     WHERE NOT EXISTS (SELECT FROM usage_entry o
                        WHERE o.tenant_id = $1 AND o.event_key = e.event_key
                          AND o.meter_no = e.meter_no AND ${isLater('o')} AND (o.is_void OR o.entry_no > e.entry_no)))`;
