import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE, setUpRoles, TENANT_ROLE } from '../../src/database/roles.js';
import { MAKE_USAGE_MONTHS } from '../../src/database/usage-months.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { UsageMonthsTimer } from '../../src/ledger/usage-months.timer.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from '../races/daily-tenant.js';
import { session } from '../races/held-transaction.js';

const BOOKS = ['usage_entry', 'usage_event'];
/** What PostgreSQL calls restrict_violation; the triggers raise it. */
const REFUSED = { code: '23001' };

let test: DailyTenant;
/** As the service works: it may make no tables itself. */
let db: Database;
beforeAll(async () => {
  test = await createDailyTenant();
  db = new Database(test.url, 2, SERVICE_ROLE);
});
afterAll(async () => {
  await db.end();
  await test[Symbol.asyncDispose]();
});

/** The names of the months that a book has, its own name cut off. */
async function monthsOf(book: string): Promise<string[]> {
  const rows = await test.db.work.query<{ month: string }>(
    `SELECT substr(inhrelid::regclass::text, length($1) + 2) AS month
       FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1`,
    [book],
  );
  return rows.map(({ month }) => month);
}

/** From this month on, by the database's clock. */
async function monthsAhead(): Promise<string[]> {
  const rows = await test.db.work.query<{ month: string }>(
    `SELECT to_char(date_trunc('month', now()) + n * interval '1 month', 'YYYY_MM') AS month
       FROM generate_series(0, 3) n`,
  );
  return rows.map(({ month }) => month);
}

async function dropMonths(): Promise<void> {
  for (const book of BOOKS) {
    for (const month of await monthsOf(book)) {
      await test.db.work.query(`DROP TABLE ${book}_${month}`);
    }
  }
}

const timer = () => new UsageMonthsTimer(db, { ROLE: 'all' } as Config);

describe('months', () => {
  beforeEach(dropMonths);

  it('are there after a migration, and made three ahead by the service', async () => {
    await timer().round();
    for (const book of BOOKS) {
      expect(await monthsOf(book)).toEqual(expect.arrayContaining(await monthsAhead()));
    }
    const before = await monthsOf('usage_entry');
    await timer().round();
    expect(await monthsOf('usage_entry')).toEqual(before);
  });

  it('that are missing are made by whoever records', async () => {
    const recorder = new Recorder(db, test.config);
    const verdicts = await withinTenant(test.tenantId, () =>
      recorder.record(test.tenantId, [usage('missing', '7', dayStart(0))]),
    );
    expect(verdicts).toMatchObject([{ status: 'accepted' }]);
    const [found] = await test.db.work.query(
      `SELECT (SELECT count(*) FROM usage_event) AS events, (SELECT count(*) FROM usage_entry) AS entries`,
    );
    expect(found).toEqual({ events: 1, entries: 1 });
  });

  it('are made by many at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 6 }, () =>
        test.db.work.query<{ made: number }>('SELECT make_usage_months() AS made'),
      ),
    );
    expect(made.map(([row]) => row!.made).filter((n) => n > 0)).toHaveLength(1);
  });

  it('wait for no reader and keep no recorder waiting', async () => {
    await timer().round();
    const last = (await monthsOf('usage_entry')).at(-1)!;
    for (const book of BOOKS) await test.db.work.query(`DROP TABLE ${book}_${last}`);
    const reader = await session(test);
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM usage_entry; SELECT count(*) FROM usage_event');
    const maker = await session(test);
    await maker.query(`BEGIN; SET LOCAL lock_timeout = '2s'`);
    await maker.query('SELECT make_usage_months()');
    const recorder = new Recorder(db, test.config);
    // The maker has not committed, and the reader is still there.
    const verdicts = await recorder.record(test.tenantId, [usage('meanwhile', '7', dayStart(0))]);
    expect(verdicts).toMatchObject([{ status: 'accepted' }]);
    await maker.query('COMMIT');
    expect((await monthsOf('usage_entry')).at(-1)).toBe(last);
    await reader.query('COMMIT');
  });
});

describe('a part of a book', () => {
  const parts = () =>
    test.db.work.query<{ name: string; options: string[] }>(
      `SELECT relname AS name, reloptions AS options FROM pg_class
        WHERE relispartition AND relkind = 'r' ORDER BY 1`,
    );

  it('can be changed by nobody, alone or with its book', async () => {
    await timer().round();
    await new Recorder(db, test.config).record(test.tenantId, [usage('kept', '7', dayStart(0))]);
    for (const { name } of await parts()) {
      const [held] = await test.db.work.query<{ rows: number }>(
        `SELECT count(*) AS rows FROM ${name}`,
      );
      const changes = [`DELETE FROM ${name}`, `TRUNCATE ${name}`];
      if (held!.rows > 0) changes.push(`UPDATE ${name} SET received_at = received_at + '1 us'`);
      for (const sql of changes) {
        await expect(test.db.work.query(sql), sql).rejects.toMatchObject(REFUSED);
      }
      for (const role of [SERVICE_ROLE, TENANT_ROLE]) {
        const [may] = await test.db.work.query(
          `SELECT has_table_privilege($1, $2, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS any`,
          [role, name],
        );
        expect(may, `${role} ${name}`).toEqual({ any: false });
      }
    }
    expect(await parts()).toHaveLength(16 + 2 * (await monthsOf('usage_entry')).length);
  });

  it('that has its wall is not locked by a migration', async () => {
    const reader = await session(test);
    await reader.query('BEGIN');
    for (const { name } of await parts()) await reader.query(`SELECT FROM ${name} LIMIT 1`);
    const migrator = await session(test);
    await migrator.query(`SET lock_timeout = '2s'`);
    await expect(setUpRoles(migrator)).resolves.toBeUndefined();
  });

  it('is made by none but our own functions, whatever they are called like elsewhere', async () => {
    await dropMonths();
    await test.db.work.query(
      `CREATE FUNCTION format(text, text, text) RETURNS text LANGUAGE plpgsql
         AS $$ BEGIN RAISE EXCEPTION 'as %', current_user; END $$`,
    );
    // A session that has made months before has found its functions already.
    const fresh = new Database(test.url, 2, SERVICE_ROLE);
    try {
      await expect(fresh.work.query(MAKE_USAGE_MONTHS)).resolves.toHaveLength(1);
    } finally {
      await fresh.end();
      await test.db.work.query('DROP FUNCTION format(text, text, text)');
    }
  });

  it('is frozen as soon as it is vacuumed', async () => {
    for (const { name, options } of await parts()) {
      expect(options, name).toContain('autovacuum_freeze_min_age=0');
    }
  });
});
