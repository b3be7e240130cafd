import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Config } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import type { Micros } from '../../src/domain/instant.js';
import { closeById, type PeriodClose } from '../../src/periods/close-progress.store.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { startTestApp, type TestApp } from '../support/app.js';

/** A dozen sets. */
const CUSTOMERS = 6_000;

let app: TestApp;
let db: Database;
let closer: PeriodCloser;
let tenantId: string;
let reader: pg.PoolClient;
let year = 2000;

beforeAll(async () => {
  app = await startTestApp();
  db = new Database(app.databaseUrl, 2);
  closer = app.app.get(PeriodCloser);
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  await app.call('PUT', '/v1/meters/calls', { aggregation: 'count' });
  await app.pool.query(
    `INSERT INTO customer (tenant_id, customer_id)
     SELECT $1, 'customer-' || n FROM generate_series(1, $2) n`,
    [tenantId, CUSTOMERS],
  );
  reader = await app.pool.connect();
});
afterAll(async () => {
  reader.release();
  await db.end();
  await app[Symbol.asyncDispose]();
});

/** Periods that are closed never change again: each test has a year of its own. */
const asOf = (): Micros => Date.UTC(year + 1, 0, 1) * 1_000;
beforeEach(async () => {
  year++;
  await app.pool.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled)
     SELECT tenant_id, customer_no, 1, $1, $2, false FROM customer`,
    [`${year}-01-01T00:00:00Z`, `${year + 1}-01-01T00:00:00Z`],
  );
  await app.pool.query('SELECT pg_stat_reset()');
});

const begin = (): Promise<PeriodClose> =>
  closer.begin(tenantId, { asOf: asOf(), customerNo: 0, meterNo: 0, byClock: false });

const count = async (condition: string): Promise<number> =>
  (
    await app.pool.query(
      `SELECT count(*)::integer AS n FROM billing_period WHERE period_start = $1 AND ${condition}`,
      [`${year}-01-01T00:00:00Z`],
    )
  ).rows[0].n;

describe('a close of many sets', () => {
  it('passes what it has closed a few times, not once for each set, while somebody reads on', async () => {
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT FROM tenant');
    const ownDb = new Database(app.databaseUrl, 2);
    await new PeriodCloser(ownDb, app.app.get(Config)).finish(tenantId, await begin());
    // Sessions that end tell what they have read.
    await ownDb.end();
    await reader.query('COMMIT');
    expect(await count('closed_at IS NOT NULL')).toBe(CUSTOMERS);
    const read = (): Promise<number> =>
      app.pool
        .query(
          `SELECT idx_tup_read::integer AS n FROM pg_stat_user_indexes
                 WHERE indexrelname = 'billing_period_due_idx'`,
        )
        .then(({ rows }) => rows[0].n);
    await expect.poll(read).toBeGreaterThanOrEqual(2 * CUSTOMERS);
    // Once in sets, which overlap by one, and once more at the end; each set from the start would be seven times.
    expect(await read()).toBeLessThan(2 * CUSTOMERS + 100);
  });

  it('comes back for what another had taken, and let go of', async () => {
    await reader.query('BEGIN');
    await reader.query(
      'SELECT FROM billing_period WHERE customer_no = (SELECT min(customer_no) FROM customer) AND closed_at IS NULL FOR UPDATE',
    );
    const close = await begin();
    const finished = closer.finish(tenantId, close);
    await expect.poll(() => count('closed_at IS NULL'), { timeout: 60_000 }).toBe(1);
    expect(await closeById(db.work, tenantId, close.id)).toMatchObject({ finishedAt: null });
    await reader.query('ROLLBACK');
    await finished;
    expect(await count('closed_at IS NULL')).toBe(0);
    expect(await closeById(db.work, tenantId, close.id)).toMatchObject({
      closed: CUSTOMERS,
      finishedAt: expect.any(Number),
    });
  });
});
