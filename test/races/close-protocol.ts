/**
 * Ways to keep a close and recorders apart, in bare SQL. `enter` is what a recorder does before it
 * looks whether the period is open; `close` freezes the period.
 *
 * $1 tenant, $2 customer, $3 meter, $4 start of the period.
 */
export interface CloseProtocol {
  readonly name: string;
  readonly enter?: string;
  readonly begin?: string;
  readonly close: readonly string[];
}

const PERIOD =
  'tenant_id = $1 AND customer_no = $2 AND meter_no = $3 AND period_start = $4::timestamptz';

/** Any key will do, as long as recorders and closers of one database take the same. */
const GATE = '(4711, 1)';

/** What the ledger holds for the period, as the columns of a statement. */
const STATEMENT = `
  SELECT clock_timestamp(), gen_random_uuid(), coalesce(sum(quantity), 0), 0, count(*),
         sha256(convert_to('["' || count(*) || '","'
           || trunc(coalesce(sum(entry_digest(event_key, 'tokens', period_start, quantity, false)), 0)
              % 2::numeric ^ 256) || '"]', 'UTF8'))
    FROM usage_entry WHERE ${PERIOD} AND revision = 0`;

const FREEZE = `
  UPDATE billing_period
     SET (closed_at, period_close_id, value, carried_in, event_count, digest) = (${STATEMENT})
   WHERE ${PERIOD}`;

const lockRow = (strength: string): string =>
  `SELECT 1 FROM billing_period WHERE ${PERIOD} FOR ${strength}`;

/** Each of these loses an event that is recorded and not yet committed when the close comes. */
export const LOSING: readonly CloseProtocol[] = [
  { name: 'no lock at all', close: [FREEZE] },
  {
    name: 'an advisory lock and the sum in one statement',
    enter: `SELECT pg_advisory_xact_lock_shared${GATE}`,
    close: [
      `WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock${GATE})
       UPDATE billing_period
          SET (closed_at, period_close_id, value, carried_in, event_count, digest) = (${STATEMENT})
         FROM gate WHERE ${PERIOD}`,
    ],
  },
  {
    name: 'a closer in REPEATABLE READ, whose snapshot is older than its lock',
    enter: `SELECT pg_advisory_xact_lock_shared${GATE}`,
    begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ',
    close: [`SELECT pg_advisory_xact_lock${GATE}`, FREEZE],
  },
  {
    name: 'FOR SHARE against one UPDATE that sums',
    enter: lockRow('SHARE'),
    close: [FREEZE],
  },
  {
    name: 'FOR KEY SHARE against an UPDATE of columns that are no key',
    enter: lockRow('KEY SHARE'),
    close: [`UPDATE billing_period SET backfilled = backfilled WHERE ${PERIOD}`, FREEZE],
  },
  {
    name: 'a closer in SERIALIZABLE alone',
    begin: 'BEGIN ISOLATION LEVEL SERIALIZABLE',
    close: [FREEZE],
  },
];

/** Lock, then sum in a statement of its own. */
export const KEEPING: readonly CloseProtocol[] = [
  {
    name: 'a shared advisory lock against an exclusive one, the sum in a later statement',
    enter: `SELECT pg_advisory_xact_lock_shared${GATE}`,
    close: [`SELECT pg_advisory_xact_lock${GATE}`, FREEZE],
  },
  {
    name: 'FOR SHARE against FOR UPDATE, then the sum',
    enter: lockRow('SHARE'),
    close: [lockRow('UPDATE'), FREEZE],
  },
  {
    name: 'FOR KEY SHARE against FOR UPDATE, then the sum',
    enter: lockRow('KEY SHARE'),
    close: [lockRow('UPDATE'), FREEZE],
  },
];

/** A recorder's look at the period, and its entry: where it happened, or a day later if closed. */
export const IS_CLOSED = `SELECT closed_at IS NOT NULL AS closed FROM billing_period WHERE ${PERIOD}`;
export const RECORD = `
  INSERT INTO usage_entry (tenant_id, event_key, meter_no, entry_no, customer_no, kind, quantity,
         occurred_at, received_at, period_start, origin_start, revision, late, billable,
         settings_version, dimensions)
  VALUES ($1, gen_random_uuid(), $3, 0, $2, 'usage', $5, $4, clock_timestamp(),
          $4::timestamptz + CASE WHEN $6::boolean THEN interval '1 day' ELSE interval '0' END,
          $4::timestamptz, 0, $6, true, 1, '[]')`;
