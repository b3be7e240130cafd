import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { migrate } from '../../src/commands/open-database.js';
import { loadConfig } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE, TENANT_ROLE } from '../../src/database/roles.js';
import { checkStart, UnsafeDatabase } from '../../src/database/start-check.js';
import { createTestDatabase, onServer } from '../support/database.js';

interface Login extends AsyncDisposable {
  readonly name: string;
  /** The same address for this user. */
  of(url: string): string;
}

async function createLogin(): Promise<Login> {
  const name = `countonce_login_${randomBytes(4).toString('hex')}`;
  await onServer((server) => server.query(`CREATE ROLE ${name} LOGIN PASSWORD 'p'`));
  return {
    name,
    of(url) {
      const own = new URL(url);
      own.username = name;
      own.password = 'p';
      return own.href;
    },
    async [Symbol.asyncDispose]() {
      await onServer((server) => server.query(`DROP ROLE ${name}`));
    },
  };
}

/** An empty database that a plain user owns, who may make no roles. */
async function createOwned(owner: Login): Promise<{ url: string } & AsyncDisposable> {
  const name = `countonce_owned_${randomBytes(4).toString('hex')}`;
  await onServer((server) => server.query(`CREATE DATABASE ${name} OWNER ${owner.name}`));
  const url = await onServer(async (server) => {
    const { host, port, user, password } = server;
    const login = `${user}:${encodeURIComponent(password ?? '')}`;
    return `postgres://${login}@${host}:${port}/${name}`;
  });
  return {
    url,
    async [Symbol.asyncDispose]() {
      await onServer((server) => server.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

describe('at start a process', () => {
  it('of a superuser works as the service', async () => {
    await using database = await createTestDatabase();
    expect(await checkStart(database.url)).toBe(SERVICE_ROLE);
    const db = new Database(database.url, 1, SERVICE_ROLE);
    expect(await db.health.query('SELECT current_user::text AS who')).toEqual([
      { who: SERVICE_ROLE },
    ]);
    await db.end();
  });

  it('of a user who owns nothing works as the service where it may', async () => {
    await using database = await createTestDatabase();
    await using login = await createLogin();
    await expect(checkStart(login.of(database.url))).rejects.toThrow(
      `GRANT ${SERVICE_ROLE}, ${TENANT_ROLE} TO "${login.name}"`,
    );
    await database.pool.query(`GRANT ${SERVICE_ROLE}, ${TENANT_ROLE} TO ${login.name}`);
    expect(await checkStart(login.of(database.url))).toBe(SERVICE_ROLE);
  });

  it('of an owner who may make no roles has taken the rights over the books from itself', async () => {
    await using login = await createLogin();
    await using database = await createOwned(login);
    const url = login.of(database.url);
    await migrate(url);

    expect(await checkStart(url)).toBeUndefined();
    await expect(run(url, 'DELETE FROM usage_entry')).rejects.toMatchObject({ code: '42501' });
    await run(url, 'GRANT DELETE ON usage_entry TO CURRENT_USER');
    await expect(checkStart(url)).rejects.toThrow('usage_entry');

    await onServer((server) =>
      server.query(`GRANT ${SERVICE_ROLE}, ${TENANT_ROLE} TO ${login.name}`),
    );
    await migrate(url);
    expect(await checkStart(url)).toBe(SERVICE_ROLE);
  });
});

describe('a process does not start', () => {
  it.each([
    [
      'the service may change a book',
      `GRANT UPDATE ON usage_entry TO ${SERVICE_ROLE}`,
      'usage_entry',
    ],
    [
      'it may change a column of one for a tenant',
      `GRANT UPDATE (quantity) ON usage_event TO ${TENANT_ROLE}`,
      'usage_event',
    ],
    ['everybody may', 'GRANT TRUNCATE ON usage_event_key TO PUBLIC', 'usage_event_key'],
    ['a table is its own', `ALTER TABLE meter OWNER TO ${SERVICE_ROLE}`, 'do everything'],
    [
      'a wall is down',
      'ALTER TABLE customer DISABLE ROW LEVEL SECURITY',
      'tenants apart in customer',
    ],
  ])('where %s', async (_, sql, told) => {
    await using database = await createTestDatabase();
    await database.pool.query(sql);

    await expect(checkStart(database.url)).rejects.toThrow(told);
    await expect(checkStart(database.url)).rejects.toThrow('countonce migrate');
  });

  it('where the server would confirm what it may lose', async () => {
    await using database = await createTestDatabase();
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);

    const config = loadConfig({ ROLE: 'api', LOG_LEVEL: 'silent' });
    const starting = createApp({ databaseUrl: database.url, config }, false);
    await expect(starting).rejects.toThrow(UnsafeDatabase);
    await expect(starting).rejects.toThrow('synchronous_commit is off');
  });
});
