import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/**
 * How far a month has come: nothing of it changes any more; its checkpoints stand in its place; its
 * tables are parts of the ledger no more; they are gone.
 */
export type RetainedState = 'sealed' | 'written' | 'detached' | 'dropped';

/** A month of the ledger that is old, or has begun to leave it. */
export interface OldMonth {
  readonly start: Micros;
  readonly end: Micros;
  /** `2026_01`, as its tables end. */
  readonly suffix: string;
  /** Null where nothing of it was done yet, as are the next five. */
  readonly state: Exclude<RetainedState, 'dropped'> | null;
  readonly wantsFile: boolean | null;
  readonly events: number | null;
  readonly entries: number | null;
  readonly file: string | null;
  readonly sha256: string | null;
}

/** What has begun to leave goes on, however old it is. */
const OLD_MONTHS = `
  SELECT m.month AS start, m.month + interval '1 month' AS "end",
         to_char(m.month, 'YYYY_MM') AS suffix, r.state, r.wants_file AS "wantsFile", r.events,
         r.entries, r.file, r.sha256
    FROM (SELECT to_timestamp(right(c.relname, 7), 'YYYY_MM') AS month
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent IN ('usage_event'::regclass, 'usage_entry'::regclass)
           UNION
          SELECT month FROM retained_month WHERE state <> 'dropped') m
    LEFT JOIN retained_month r ON r.month = m.month
   WHERE m.month + interval '1 month' <= $1::timestamptz OR r.state IS NOT NULL
   ORDER BY m.month`;

/** Months that ended by then and have not left the ledger, from the oldest on. */
export async function oldMonths(db: Queryable, endedBy: Micros): Promise<OldMonth[]> {
  return db.query<OldMonth>(OLD_MONTHS, [formatInstantMicros(endedBy)]);
}

/** From now on nothing that was received in the month is changed. */
export async function sealMonth(db: Queryable, month: OldMonth, wantsFile: boolean): Promise<void> {
  await db.query(
    `INSERT INTO retained_month (month, state, wants_file) VALUES ($1::timestamptz, 'sealed', $2)`,
    [formatInstantMicros(month.start), wantsFile],
  );
}

/** Nothing was done to it. */
export async function unsealMonth(tx: Transaction, { start }: OldMonth): Promise<void> {
  await tx.query(`DELETE FROM retained_month WHERE month = $1::timestamptz AND state = 'sealed'`, [
    formatInstantMicros(start),
  ]);
}

/** A file that is asked for later is written all the same, as long as there is something to write. */
export async function wantFile(db: Queryable, { start }: OldMonth): Promise<void> {
  await db.query('UPDATE retained_month SET wants_file = true WHERE month = $1::timestamptz', [
    formatInstantMicros(start),
  ]);
}

/** In the transaction that wrote its checkpoints. */
export async function markWritten(
  tx: Transaction,
  { start }: OldMonth,
  { events, entries }: { readonly events: number; readonly entries: number },
): Promise<void> {
  await tx.query(
    `UPDATE retained_month SET state = 'written', events = $2, entries = $3
      WHERE month = $1::timestamptz`,
    [formatInstantMicros(start), events, entries],
  );
}

export async function markDetached(db: Queryable, { start }: OldMonth): Promise<void> {
  await db.query(`UPDATE retained_month SET state = 'detached' WHERE month = $1::timestamptz`, [
    formatInstantMicros(start),
  ]);
}

export async function markFiled(
  db: Queryable,
  { start }: OldMonth,
  { file, sha256 }: { readonly file: string; readonly sha256: string },
): Promise<void> {
  await db.query('UPDATE retained_month SET file = $2, sha256 = $3 WHERE month = $1::timestamptz', [
    formatInstantMicros(start),
    file,
    sha256,
  ]);
}

/** How many rows a table of the month has of each tenant, while it is still there. */
export async function rowsOfTenants(
  tx: Transaction,
  book: 'usage_event' | 'usage_entry',
  { suffix }: OldMonth,
): Promise<Map<string, number>> {
  const part = `${book}_${suffix}`;
  const [table] = await tx.query('SELECT WHERE to_regclass($1) IS NOT NULL', [part]);
  if (table === undefined) return new Map();
  const rows = await tx.query<{ tenantId: string; count: number }>(
    `SELECT tenant_id AS "tenantId", count(*) AS count FROM ${part} GROUP BY tenant_id`,
  );
  return new Map(rows.map(({ tenantId, count }) => [tenantId, count]));
}

/** Drops what were its tables. They are parts of nothing any more, so nobody waits. */
export async function dropMonth(tx: Transaction, { start, suffix }: OldMonth): Promise<void> {
  await tx.query(`DROP TABLE IF EXISTS usage_event_${suffix}, usage_entry_${suffix}`);
  await tx.query(
    `UPDATE retained_month SET state = 'dropped', dropped_at = clock_timestamp()
      WHERE month = $1::timestamptz`,
    [formatInstantMicros(start)],
  );
}
