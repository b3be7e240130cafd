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

/** A push, as planned. */
const PUSH = `
  INSERT INTO tenant (name, hash_key) VALUES ('owned', decode(repeat('00', 32), 'hex'));
  INSERT INTO push_lane (tenant_id, lane_id, account_id, livemode, stripe_meter_id,
                         stripe_customer_id, customer_no, meter_no, period_start, active)
  SELECT tenant_id, md5('lane')::uuid, 'acct', false, 'mtr', 'cus', 1, 1, '2026-11-01Z', true FROM tenant;
  INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status)
  SELECT tenant_id, 'p', 1, 'pending' FROM tenant;
  INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no, period_start,
                    value, "timestamp", account_id, livemode, stripe_customer_id, event_name,
                    customer_key, value_key, formula, finalizes_at, transition_no, status,
                    next_attempt_at)
  SELECT tenant_id, 'p', md5('lane')::uuid, 1, 'delta', 1, 1, '2026-11-01Z', 1, '2026-11-02Z', 'acct',
         false, 'cus', 'e', 'k', 'v', 'sum', '2026-12-01Z', 1, 'pending', now() FROM tenant`;

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
    await expect(run(url, 'UPDATE push_transition SET at = now()')).rejects.toMatchObject({
      code: '42501',
    });
    await run(url, 'GRANT DELETE ON usage_entry TO CURRENT_USER');
    await expect(checkStart(url)).rejects.toThrow('usage_entry');

    await onServer((server) =>
      server.query(`GRANT ${SERVICE_ROLE}, ${TENANT_ROLE} TO ${login.name}`),
    );
    await migrate(url);
    expect(await checkStart(url)).toBe(SERVICE_ROLE);
  });
});

it('an owner who may make no roles can push: books can be referred to', async () => {
  await using login = await createLogin();
  await using database = await createOwned(login);
  const url = login.of(database.url);
  await migrate(url);
  await run(url, PUSH);
  await run(
    url,
    `INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, at)
     SELECT tenant_id, 'p', 2, 'pending', 'sending', now() FROM tenant;
     UPDATE push SET transition_no = 2, status = 'sending', attempts = 1, lease_until = now(),
            first_attempt_at = now()`,
  );
  // Nor can it change what stands there by the one right that this takes.
  await expect(run(url, 'UPDATE push_transition SET previous_no = 7')).rejects.toMatchObject({
    code: '428C9',
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
