import { availableParallelism } from 'node:os';
import type pg from 'pg';
import type { Recorded } from './recorded.js';

const ROWS_PER_STATEMENT = 50_000;
const TOLD_EVERY = 20;

export interface Filling {
  readonly events: number;
  readonly customers: number;
  readonly meters: number;
  readonly ids?: 'random' | 'uuidv7';
  /** Every customer and meter has the same; false: few customers have most. */
  readonly inTurn?: boolean;
  /** It is of the month so many before this one; undefined: of the last week. */
  readonly monthsAgo?: number;
}

/**
 * Fills the ledger of the tenant `default` by SQL with the rows that recording and folding would have
 * written: a filled event that is sent again is a duplicate, and a replay finds no difference.
 *
 * @param pool As the owner of the tables, in UTC.
 * @param recorded Where they are added up.
 */
export async function fillLedger(
  pool: pg.Pool,
  filling: Filling,
  recorded: Recorded,
  say: (text: string) => void,
): Promise<void> {
  const { events, customers, meters } = filling;
  await pool.query(CUSTOMERS, [customers]);
  await pool.query(
    `SELECT setval(pg_get_serial_sequence('customer', 'customer_no'), max(customer_no)) FROM customer`,
  );
  const sql = fill(filling);
  let next = 0;
  let done = 0;
  let told = 0;
  const lane = async (): Promise<void> => {
    while (next < events) {
      const from = next;
      const count = Math.min(ROWS_PER_STATEMENT, events - from);
      next += count;
      const parameters = [from, count, customers, meters];
      const { rows } = await pool.query<{ quantity: string }>(sql, parameters);
      recorded.add({ events: count, quantity: Number(rows[0]!.quantity) });
      done += count;
      if ((done - told) * TOLD_EVERY < events && done < events) continue;
      told = done;
      say(`filled in ${done} of ${events} events`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  await pool.query('VACUUM ANALYZE');
}

const CUSTOMERS = `
  WITH made AS (
    INSERT INTO customer (tenant_id, customer_no, customer_id)
    OVERRIDING SYSTEM VALUE
    SELECT tenant_id, n, 'customer_' || n
      FROM tenant, generate_series(1, $1::integer) n WHERE tenant.name = 'default'
        ON CONFLICT DO NOTHING
    RETURNING tenant_id, customer_no, customer_id)
  INSERT INTO customer_identity (tenant_id, identity, customer_no)
  SELECT tenant_id, customer_id, customer_no FROM made`;

/** A text with its length before it, as src/domain/length-prefixed.ts has it. */
const prefixed = (text: string): string =>
  `int4send(octet_length(${text})) || convert_to(${text}, 'UTF8')`;

/** The canonical form of src/domain/fingerprint.ts: no source, no properties. */
const FINGERPRINT = `'\\x01'::bytea || substring(sha256('\\x00000000'::bytea
  || ${prefixed('event_key::text')} || ${prefixed('customer_id')} || ${prefixed('meter')}
  || ${prefixed('quantity::text')}
  || ${prefixed('(extract(epoch FROM occurred_at) * 1000000)::bigint::text')}
  || '\\xffffffff'::bytea) FROM 1 FOR 15)`;

/** $1 where the numbers begin, $2 how many, $3 customers, $4 meters. @returns The sum, as `quantity`. */
function fill({ ids = 'random', inTurn = false, monthsAgo }: Filling): string {
  const who = inTurn
    ? `1 + n / $4::integer % $3::integer AS customer_no, (1 + n % $4::integer)::integer AS meter_no`
    : `1 + floor($3::integer * power(random(), 3))::bigint AS customer_no,
         1 + floor($4::integer * random())::integer AS meter_no`;
  const at =
    monthsAgo === undefined
      ? `now() - random() * interval '7 days'`
      : `date_trunc('month', now()) - interval '${monthsAgo} months' + random() * interval '27 days'`;
  return `
  WITH drawn AS MATERIALIZED (
    SELECT ${ids === 'random' ? 'gen_random_uuid()' : 'uuidv7()'} AS event_key, ${who},
           date_trunc('milliseconds', ${at}) AS occurred_at,
           1 + floor(1000 * random())::integer AS quantity
      FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) n
  ), event AS MATERIALIZED (
    SELECT t.tenant_id, d.*, c.customer_id, m.key AS meter,
           date_trunc('month', d.occurred_at) AS period_start
      FROM drawn d
     CROSS JOIN (SELECT tenant_id FROM tenant WHERE name = 'default') t
      JOIN customer c USING (tenant_id, customer_no)
      JOIN meter m USING (tenant_id, meter_no)
  ), key AS (
    INSERT INTO usage_event_key (tenant_id, event_key, fingerprint, received_at)
    SELECT tenant_id, event_key, ${FINGERPRINT}, now() FROM event
  ), recorded AS (
    INSERT INTO usage_event (tenant_id, event_key, source, usage_event_id, customer_id, customer_no,
           meter, quantity, occurred_at, occurred_at_sent, properties, received_at)
    SELECT tenant_id, event_key, '', event_key, customer_id, customer_no, meter, quantity,
           occurred_at, true, NULL, now() FROM event
  ), entry AS (
    INSERT INTO usage_entry (tenant_id, event_key, meter_no, entry_no, customer_no, kind, quantity,
           occurred_at, received_at, period_start, origin_start, revision, late, billable,
           settings_version, dimensions)
    SELECT tenant_id, event_key, meter_no, 0, customer_no, 'usage', quantity, occurred_at, now(),
           period_start, period_start, 0, false, true, 1, '[]' FROM event
  ), period AS (
    INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled)
    SELECT DISTINCT tenant_id, customer_no, meter_no, period_start,
           period_start + interval '1 month',
           period_start + interval '1 month' <= now() - interval '30 minutes'
      FROM event ORDER BY 1, 2, 3, 4
        ON CONFLICT DO NOTHING
  ), total AS (
    INSERT INTO usage_total AS t (tenant_id, customer_no, meter_no, period_start, origin_start,
           revision, billable, bucket, dimensions, quantity_sum, quantity_max, entry_count,
           last_quantity, last_at, last_key, digest)
    SELECT tenant_id, customer_no, meter_no, period_start, period_start, 0, true,
           date_bin('15 minutes', occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket, '[]',
           sum(quantity), max(quantity), count(*),
           (array_agg(quantity ORDER BY occurred_at DESC, event_key DESC))[1], max(occurred_at),
           (array_agg(event_key ORDER BY occurred_at DESC, event_key DESC))[1],
           sum(entry_digest(event_key, meter, period_start, quantity, false))
      FROM event
     GROUP BY tenant_id, customer_no, meter_no, period_start, bucket
     ORDER BY customer_no, meter_no, period_start, bucket
        ON CONFLICT ON CONSTRAINT usage_total_pkey DO UPDATE
       SET quantity_sum = t.quantity_sum + excluded.quantity_sum,
           quantity_max = greatest(t.quantity_max, excluded.quantity_max),
           entry_count = t.entry_count + excluded.entry_count,
           last_quantity = CASE WHEN (excluded.last_at, excluded.last_key) > (t.last_at, t.last_key)
                                THEN excluded.last_quantity ELSE t.last_quantity END,
           last_key = CASE WHEN (excluded.last_at, excluded.last_key) > (t.last_at, t.last_key)
                           THEN excluded.last_key ELSE t.last_key END,
           last_at = greatest(t.last_at, excluded.last_at),
           digest = t.digest + excluded.digest)
  SELECT sum(quantity) AS quantity FROM event`;
}
