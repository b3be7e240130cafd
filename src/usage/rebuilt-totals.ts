/**
 * The statement that builds totals from the ledger.
 *
 * @param entries A SELECT of the entries that count, a constant of the caller's.
 */
export function totalsOf(entries: string): string {
  return `
  INSERT INTO usage_total (tenant_id, customer_no, meter_no, period_start, origin_start, revision,
         billable, bucket, dimensions, quantity_sum, quantity_max, entry_count, last_quantity,
         last_at, last_key, digest)
  ${totalRowsOf(entries)}`;
}

/** The SELECT of what the totals of these entries are, in the columns of `usage_total`. */
export function totalRowsOf(entries: string): string {
  return `
  SELECT e.tenant_id, e.customer_no, e.meter_no, e.period_start, e.origin_start, e.revision,
         e.billable, date_bin('15 minutes', e.occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00'),
         e.dimensions, sum(e.quantity), max(e.quantity), count(*),
         (array_agg(e.quantity ORDER BY e.occurred_at DESC, e.event_key DESC))[1],
         max(e.occurred_at),
         (array_agg(e.event_key ORDER BY e.occurred_at DESC, e.event_key DESC))[1],
         sum(entry_digest(e.event_key, m.key, e.period_start, e.quantity, e.kind = 'void'))
    FROM (${entries}) e
    JOIN meter m ON m.tenant_id = e.tenant_id AND m.meter_no = e.meter_no
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`;
}

/** The statement that builds the sets behind `unique_count`, likewise. */
export function uniquesOf(entries: string): string {
  return `
  INSERT INTO usage_unique (tenant_id, customer_no, meter_no, period_start, revision, billable,
         bucket, dimensions, unique_key)
  SELECT DISTINCT e.tenant_id, e.customer_no, e.meter_no, e.period_start, e.revision, e.billable,
         date_bin('15 minutes', e.occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00'),
         e.dimensions, e.unique_key
    FROM (${entries}) e WHERE e.unique_key IS NOT NULL`;
}
