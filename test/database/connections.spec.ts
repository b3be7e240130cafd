import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Connections, keepPlan } from '../../src/database/connections.js';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE } from '../../src/database/roles.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let connections: Connections;
beforeAll(async () => {
  database = await createTestDatabase();
  connections = new Connections(database.url, 'tested', 2);
  await database.pool.query('CREATE TABLE pair (n integer PRIMARY KEY, v integer NOT NULL)');
  await database.pool.query('INSERT INTO pair VALUES (1, 0), (2, 0)');
});
afterAll(async () => {
  await connections.end();
  await database[Symbol.asyncDispose]();
});

const pid = async (on: Connections): Promise<number> =>
  (await on.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]!.pid;

describe('connections', () => {
  it('run two transactions again that wait for each other, until both have committed', async () => {
    let attempts = 0;
    let arrived = 0;
    let open = (): void => undefined;
    const both = new Promise<void>((resolve) => {
      open = resolve;
    });
    const cross = (first: number, second: number): Promise<void> =>
      connections.transaction(async (tx) => {
        attempts++;
        await tx.query('UPDATE pair SET v = v + 1 WHERE n = $1', [first]);
        if (++arrived === 2) open();
        await both;
        await tx.query('UPDATE pair SET v = v + 1 WHERE n = $1', [second]);
      });
    await Promise.all([cross(1, 2), cross(2, 1)]);

    expect(attempts).toBe(3);
    expect(await connections.query('SELECT v FROM pair')).toEqual([{ v: 2 }, { v: 2 }]);
  });

  it('prepare a statement anew whose answer a migration has changed', async () => {
    const preparing = new Connections(database.url, 'preparing', 1, undefined, { prepares: true });
    const read = () =>
      preparing.transaction((tx) => tx.query('SELECT v FROM changing WHERE n = $1', [1]));
    try {
      await database.pool.query('CREATE TABLE changing (n integer, v integer)');
      await database.pool.query('INSERT INTO changing VALUES (1, 7)');
      expect(await read()).toEqual([{ v: 7 }]);
      expect(
        await preparing.query(
          `SELECT name FROM pg_prepared_statements WHERE statement LIKE '%changing%'`,
        ),
      ).toHaveLength(2);
      await database.pool.query('ALTER TABLE changing ALTER COLUMN v TYPE text');
      expect(await read()).toEqual([{ v: '7' }]);
    } finally {
      await preparing.end();
    }
  });

  it('prepare what is asked often, and that anew, too, also outside of a transaction', async () => {
    const alone = new Connections(database.url, 'alone', 1);
    const preparing = new Connections(database.url, 'preparing', 1, undefined, { prepares: true });
    const kept = keepPlan('SELECT v FROM kept WHERE n = $1');
    try {
      await database.pool.query('CREATE TABLE kept (n integer, v integer)');
      await database.pool.query('INSERT INTO kept VALUES (1, 7)');
      expect(await alone.query(kept, [1])).toEqual([{ v: 7 }]);
      // What others prepare is theirs.
      for (const each of [preparing, alone]) {
        await each.query('SELECT n FROM kept WHERE n = $1', [1]);
      }
      expect(await alone.query('SELECT statement FROM pg_prepared_statements')).toEqual([
        { statement: kept },
      ]);
      await database.pool.query('ALTER TABLE kept ALTER COLUMN v TYPE text');
      expect(await alone.query(kept, [1])).toEqual([{ v: '7' }]);
    } finally {
      await preparing.end();
      await alone.end();
    }
  });

  it('hand nobody a transaction that another left open', async () => {
    for (const work of [
      () => Promise.reject(new Error('thrown inside')),
      (tx: { query(sql: string): Promise<unknown> }) => tx.query('SELECT 1 / 0'),
      (tx: { query(sql: string): Promise<unknown> }) => tx.query('nonsense').catch(() => undefined),
    ]) {
      await expect(connections.transaction(work)).rejects.toThrow();
      const [row] = await connections.query<{ open: boolean }>(
        'SELECT now() <> statement_timestamp() OR pg_current_xact_id_if_assigned() IS NOT NULL AS open',
      );
      expect(row).toEqual({ open: false });
    }
  });

  it('begin with statements that are sent in a row, and give the rows of the last', async () => {
    const opening = [
      { sql: `SET LOCAL application_name = 'opened'` },
      { sql: `SELECT current_setting('application_name') || $1 AS v`, parameters: ['!'] },
    ];
    const opened = connections.openedTransaction<{ v: string }, unknown>(
      opening,
      async (tx, rows) => [
        ...rows,
        ...(await tx.query(`SELECT current_setting('application_name') AS v`)),
      ],
    );
    expect(await opened).toEqual([{ v: 'opened!' }, { v: 'opened' }]);
  });

  it('tell the first of several errors at the beginning, and hand on what is left usable', async () => {
    const alone = new Connections(database.url, 'alone', 1);
    const before = await pid(alone);
    let worked = false;
    const opened = alone.openedTransaction(
      [{ sql: 'SELECT 1 / 0' }, { sql: 'SELECT 1' }],
      async () => {
        worked = true;
      },
    );
    await expect(opened).rejects.toMatchObject({ code: '22012' });
    expect(worked).toBe(false);
    expect(await pid(alone)).toBe(before);
    await alone.end();
  });

  it('prepare nothing that names a tenant', async () => {
    const alone = new Connections(database.url, 'alone', 1, SERVICE_ROLE, { prepares: true });
    const prepared = async () =>
      alone.query<{ statement: string }>('SELECT statement FROM pg_prepared_statements');
    for (const id of [
      '00000000-0000-4000-8000-000000000001',
      '00000000-0000-4000-8000-000000000002',
    ]) {
      await withinTenant(id, () => alone.transaction((tx) => tx.query('SELECT 1')));
    }
    const texts = (await prepared()).map(({ statement }) => statement);
    expect(texts).toContain('SELECT 1');
    expect(texts.filter((text) => /BEGIN|SET LOCAL/.test(text))).toEqual([]);
    await alone.end();
  });

  it('let the server give up before the client does, and cut who idles in a transaction', async () => {
    const show = async (name: string) =>
      (await connections.query<{ v: string }>('SELECT current_setting($1) AS v', [name]))[0]!.v;
    // The client's own is 65 s.
    expect(await show('statement_timeout')).toBe('1min');
    expect(await show('idle_in_transaction_session_timeout')).toBe('30s');
    expect(await show('synchronous_commit')).toBe('on');
  });

  it('outlive one that dies while nobody uses it', async () => {
    const alone = new Connections(database.url, 'alone', 1);
    const dead = await pid(alone);
    await database.pool.query('SELECT pg_terminate_backend($1)', [dead]);
    // Until the client has heard of it a statement may still be sent there, and fails.
    await expect.poll(() => pid(alone).catch(() => dead)).not.toBe(dead);
    await alone.end();
  });

  it('leave a server that has become read-only', async () => {
    const alone = new Connections(database.url, 'alone', 1);
    const standby = await pid(alone);
    await alone.query('SET default_transaction_read_only = on');
    const write = () => alone.transaction((tx) => tx.query('UPDATE pair SET v = v WHERE n = 1'));

    await expect(write()).rejects.toMatchObject({ code: '25006' });
    await write();
    expect(await pid(alone)).not.toBe(standby);
    await alone.end();
  });
});

describe('while the database is away', () => {
  const event = { usage_event_id: 'a', customer_id: 'c', meter: 'm', quantity: 1 };
  let app: TestApp;
  let db: Database;
  beforeAll(async () => {
    app = await startTestApp({ DATABASE_POOL_SIZE: '1' });
    db = app.app.get(Database);
    await app.call('PUT', '/v1/meters/m', { aggregation: 'sum' });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it('an event is refused with the time to come again, and taken after the failover', async () => {
    await db.recording.query('SET default_transaction_read_only = on');
    const refused = await app.call('POST', '/v1/usage-events', event);
    expect(refused).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

    expect((await app.call('POST', '/v1/usage-events', event)).status).toBe(201);
  });

  it('one kind of work does not starve another, and health still answers', async () => {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    // DATABASE_POOL_SIZE and four.
    const holders = Array.from({ length: 5 }, () =>
      db.work.transaction(async (tx) => {
        await tx.query('SELECT 1');
        await held;
      }),
    );
    const starved = await app.call('GET', '/v1/customers');
    const ready = await fetch(`${app.url}/health/ready`);
    const recorded = await app.call('POST', '/v1/usage-events', { ...event, usage_event_id: 'b' });
    letGo();
    await Promise.all(holders);

    expect(starved.status).toBe(503);
    expect(starved.headers.get('retry-after')).not.toBeNull();
    expect(ready.status).toBe(200);
    expect(recorded.status).toBe(201);
    expect((await app.call('GET', '/v1/customers')).status).toBe(200);
  });
});
