import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

const POLL_MS = 15;

/** What waits to be added to the totals, in the order of a sequence. */
const TABLES = `
  CREATE SCHEMA IF NOT EXISTS naive;
  CREATE TABLE IF NOT EXISTS naive.queue (seq bigserial PRIMARY KEY, LIKE public.usage_delta);
  CREATE TABLE IF NOT EXISTS naive.cursor (last_seq bigint NOT NULL);
  INSERT INTO naive.cursor SELECT 0 WHERE NOT EXISTS (SELECT FROM naive.cursor)`;

/** The deltas of this transaction go to the queue. */
export const QUEUE_DELTAS = `
  WITH own AS (
    DELETE FROM usage_delta WHERE xmin = pg_current_xact_id()::xid RETURNING *)
  INSERT INTO naive.queue SELECT nextval('naive.queue_seq_seq'), own.* FROM own`;

/**
 * The mistake: a number that was drawn earlier may be committed later, and is passed over then.
 */
const ADD = `
  WITH seen AS (SELECT last_seq FROM naive.cursor),
  next AS (SELECT q.* FROM naive.queue q, seen WHERE q.seq > seen.last_seq),
  added AS (
    INSERT INTO usage_delta
    SELECT tenant_id, customer_no, meter_no, period_start, origin_start, revision, billable, bucket,
           dimensions, quantity_sum, quantity_max, entry_count, last_quantity, last_at, last_key,
           digest
      FROM next)
  UPDATE naive.cursor SET last_seq = greatest(last_seq, coalesce((SELECT max(seq) FROM next), 0))`;

/** Two pollers keep out of each other's way; that is not where it goes wrong. */
export async function pollTotals(pool: pg.Pool): Promise<never> {
  await pool.query(TABLES).catch(() => undefined);
  for (;;) {
    await addOnce(pool).catch(() => undefined);
    await sleep(POLL_MS);
  }
}

async function addOnce(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  client.on('error', () => undefined);
  try {
    await client.query('BEGIN');
    await client.query('SELECT FROM naive.cursor FOR UPDATE');
    await client.query(ADD);
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}
