import { createHash } from 'node:crypto';
import type pg from 'pg';
import { totalsOf, uniquesOf } from '../../src/usage/rebuilt-totals.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The contract's digest of one revision of a period, from the ledger and the contract's words. */
export async function digestOfLedger(
  pool: pg.Pool,
  customer: string,
  period: { readonly meter: string; readonly period_start: string },
  revision: number,
): Promise<string> {
  const { rows } = await pool.query(
    `SELECT e.event_key, trim_scale(e.quantity)::text AS quantity, e.is_void,
            to_char(e.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS start
       FROM usage_entry e
       JOIN customer c ON c.tenant_id = e.tenant_id AND c.customer_no = e.customer_no
       JOIN meter m ON m.tenant_id = e.tenant_id AND m.meter_no = e.meter_no
      WHERE c.customer_id = $1 AND m.key = $2 AND e.period_start = $3 AND e.revision = $4
        AND e.billable`,
    [customer, period.meter, period.period_start, revision],
  );
  let count = 0;
  let total = 0n;
  for (const row of rows) {
    count += row.is_void ? -1 : 1;
    const text = [row.event_key, period.meter, row.start, row.quantity, row.is_void ? '1' : '0'];
    total += BigInt(`0x${sha256(JSON.stringify(text))}`);
  }
  return sha256(JSON.stringify([String(count), String(total % 2n ** 256n)]));
}

/** What a total says that its meter's aggregation reads, and the digest. */
const READ_TOTALS = `
  SELECT t.meter_no, t.period_start, t.origin_start, t.revision, t.billable, t.bucket, t.dimensions,
         t.entry_count, t.digest::text,
         CASE WHEN s.aggregation = 'sum' THEN trim_scale(t.quantity_sum)::text END AS sum,
         CASE WHEN s.aggregation = 'max' THEN trim_scale(t.quantity_max)::text END AS max,
         CASE WHEN s.aggregation = 'last' THEN trim_scale(t.last_quantity)::text END AS last
    FROM usage_total t
    JOIN meter_settings s ON s.tenant_id = t.tenant_id AND s.meter_no = t.meter_no AND s.version = 1
   WHERE t.customer_no = $1 ORDER BY 1, 2, 3, 4, 5, 6, 7`;

const READ_SETS = `
  SELECT meter_no, period_start, revision, billable, bucket, dimensions, unique_key
    FROM usage_unique WHERE customer_no = $1 ORDER BY 1, 2, 3, 4, 5, 6, 7`;

const EFFECTIVE = `
  SELECT DISTINCT ON (e.event_key, e.meter_no, e.is_void) e.* FROM usage_entry e
   WHERE e.tenant_id = $1 AND e.customer_no = $2
   ORDER BY e.event_key, e.meter_no, e.is_void, e.entry_no DESC`;

/** What totals and sets of a customer say before and after they are built anew, where that differs. */
export async function rebuiltDifference(pool: pg.Pool, customer: string): Promise<string[]> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const found = await client.query(
      'SELECT tenant_id, customer_no FROM customer WHERE customer_id = $1',
      [customer],
    );
    const number = [found.rows[0].customer_no];
    const own = [found.rows[0].tenant_id, ...number];
    const read = async (): Promise<string[]> => [
      ...(await client.query(READ_TOTALS, number)).rows.map((row) => JSON.stringify(row)),
      ...(await client.query(READ_SETS, number)).rows.map((row) => JSON.stringify(row)),
    ];
    const before = await read();
    await client.query('DELETE FROM usage_total WHERE customer_no = $1', number);
    await client.query('DELETE FROM usage_unique WHERE customer_no = $1', number);
    await client.query(totalsOf(EFFECTIVE), own);
    await client.query(uniquesOf(EFFECTIVE), own);
    const after = await read();
    return [
      ...before.filter((row) => !after.includes(row)).map((row) => `before: ${row}`),
      ...after.filter((row) => !before.includes(row)).map((row) => `after: ${row}`),
    ];
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}
