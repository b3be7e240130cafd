import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { call } from '../support/app.js';
import { createTestDatabase, onServer } from '../support/database.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { runCli, startCli, type Running } from './cli.js';

const KEY = 'serve-spec-0123456789-0123456789-0123456789';
const EVENT = { usage_event_id: 'a', customer_id: 'c', meter: 'requests', quantity: 1 };

/** What a PostgreSQL answers to whoever connects while it recovers. */
const CANNOT_CONNECT_NOW = (() => {
  const fields = 'SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0';
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + fields.length);
  return Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)]);
})();

interface Serving extends Running {
  readonly url: string;
  readonly lines: readonly Record<string, unknown>[];
}

const running: Serving[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) {
    if (server.process.exitCode === null && server.process.signalCode === null)
      server.process.kill('SIGTERM');
    await server.ended;
  }
  for (const folder of folders.splice(0)) removeFolder(folder);
});

/** Starts the server and waits until it says that it is ready. */
async function serve(env: Record<string, string>): Promise<Serving> {
  const { said, ...started } = await start(env);
  const serving = { ...started, url: await said(/^ready$/) };
  running.push(serving);
  return serving;
}

/** Starts the server and waits until it says that it waits for the schema. */
async function waiting(env: Record<string, string>): Promise<Serving & { ready: Promise<string> }> {
  const { said, ...started } = await start(env);
  const ready = said(/^ready$/);
  ready.catch(() => undefined);
  const serving = { ...started, url: await said(/not migrated/), ready };
  running.push(serving);
  return serving;
}

async function start(env: Record<string, string>) {
  const started = await startCli(['serve'], { PORT: '0', ...env });
  const lines: Record<string, unknown>[] = [];
  const input = createInterface({ input: started.process.stdout! });
  input.on('line', (text) => lines.push(JSON.parse(text) as Record<string, unknown>));
  /** The address in the line that says it. */
  const said = (what: RegExp) =>
    new Promise<string>((resolve, reject) => {
      input.on('line', () => {
        const line = lines.find(({ msg }) => what.test(String(msg)));
        if (line !== undefined) resolve(String(line['url']));
      });
      void started.ended.then(({ stderr }) => reject(new Error(stderr)));
    });
  return { ...started, lines, said };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

describe('the server on a database of its own', () => {
  it('goes on where it was after a SIGKILL of everything, and goes down with SIGTERM', async () => {
    const folder = temporaryFolder();
    folders.push(folder);
    const env = { DATA_DIR: folder, BOOTSTRAP_API_KEY: KEY };
    const first = await serve(env);
    await call(first.url, KEY, 'PUT', '/v1/meters/requests', { aggregation: 'sum' });
    expect((await call(first.url, KEY, 'POST', '/v1/usage-events', EVENT)).status).toBe(201);
    first.process.kill('SIGKILL');
    await first.ended;

    const second = await serve(env);
    expect((await call(second.url, KEY, 'POST', '/v1/usage-events', EVENT)).status).toBe(200);
    second.process.kill('SIGTERM');
    expect((await second.ended).code).toBe(0);

    const third = await serve(env);
    const usage = await call(third.url, KEY, 'GET', '/v1/usage?meter=requests');
    expect(usage.body.data).toMatchObject([{ customer_id: 'c', value: '1', event_count: 1 }]);
    // Three starts of PostgreSQL, one of them with initdb.
  }, 180_000);
});

it('ends at a signal while its own database starts, which goes down with it', async () => {
  const folder = temporaryFolder();
  folders.push(folder);
  const lockFile = join(folder, 'postgres', 'data', 'postmaster.pid');
  const starting = await startCli(['serve'], { PORT: '0', DATA_DIR: folder });
  await expect.poll(() => existsSync(lockFile), { interval: 5, timeout: 120_000 }).toBe(true);
  starting.process.kill('SIGTERM');
  const ended = await starting.ended;
  expect([ended.code, ended.stdout]).toEqual([0, expect.not.stringMatching(/"ready"/)]);
  await expect.poll(() => existsSync(lockFile), { timeout: 60_000 }).toBe(false);
}, 180_000);

describe('the server on DATABASE_URL', () => {
  it('waits for a PostgreSQL that is still in recovery', async () => {
    await using database = await createTestDatabase();
    const { port } = new URL(database.url);
    let refusals = 0;
    const recovering = createServer((client) => {
      client.on('error', () => undefined);
      if (++refusals <= 2) return client.end(CANNOT_CONNECT_NOW);
      const server = connect(Number(port), '127.0.0.1', () => client.pipe(server).pipe(client));
      return server.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => recovering.listen(0, '127.0.0.1', resolve));
    const url = new URL(database.url);
    url.port = String((recovering.address() as AddressInfo).port);

    const server = await serve({ DATABASE_URL: url.href });
    expect(refusals).toBeGreaterThan(2);
    server.process.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
    recovering.close();
  });

  it('ends at a signal while it waits for one that stays in recovery', async () => {
    const recovering = createServer((client) => {
      client.on('error', () => undefined).end(CANNOT_CONNECT_NOW);
    }).listen(0, '127.0.0.1');
    await once(recovering, 'listening');
    const { port } = recovering.address() as AddressInfo;
    const { process: waiting, ended } = await startCli(['serve'], {
      PORT: '0',
      DATABASE_URL: `postgres://countonce@127.0.0.1:${port}/countonce`,
    });
    await once(recovering, 'connection');
    waiting.kill('SIGTERM');
    expect((await ended).code).toBe(0);
    recovering.close();
  });

  it('shows a key it made itself once, and never again', async () => {
    await using database = await createTestDatabase();
    const first = await serve({ DATABASE_URL: database.url });
    const shown = first.lines.filter((line) => 'api_key' in line);
    expect(shown).toHaveLength(1);
    const key = String(shown[0]!['api_key']);
    expect((await call(first.url, key, 'GET', '/v1/meters')).status).toBe(200);

    const second = await serve({ DATABASE_URL: database.url });
    expect(second.lines.filter((line) => 'api_key' in line)).toEqual([]);
    expect((await call(second.url, key, 'GET', '/v1/meters')).status).toBe(200);
  });

  it('finishes what is in flight on SIGTERM and exits 0', async () => {
    await using database = await createTestDatabase();
    const server = await serve({ DATABASE_URL: database.url, BOOTSTRAP_API_KEY: KEY });
    await call(server.url, KEY, 'PUT', '/v1/meters/requests', { aggregation: 'sum' });
    const events = Array.from({ length: 10_000 }, (_, i) => ({
      ...EVENT,
      usage_event_id: `f-${i}`,
    }));
    const answer = call(server.url, KEY, 'POST', '/v1/usage-events', { events });
    await expect
      .poll(
        async () =>
          (await database.pool.query('SELECT count(*)::int AS n FROM usage_event_key')).rows[0].n,
        {
          interval: 5,
          timeout: 20_000,
        },
      )
      .toBeGreaterThan(0);
    server.process.kill('SIGTERM');
    expect((await answer).body.accepted).toBe(10_000);
    expect((await server.ended).code).toBe(0);
    expect(server.lines.every((line) => typeof line['level'] === 'string')).toBe(true);
  });

  it('is alive and not ready until its database is migrated, and says what to run', async () => {
    await using database = await createTestDatabase();
    const name = `${new URL(database.url).pathname.slice(1)}_bare`;
    await onServer((client) => client.query(`CREATE DATABASE ${name}`));
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    try {
      const env = { PORT: String(await freePort()), DATABASE_URL: url.href };
      const stopped = await waiting(env);
      stopped.process.kill('SIGTERM');
      expect((await stopped.ended).code).toBe(0);

      const room = await waiting(env);
      const get = (path: string) => call(room.url, KEY, 'GET', path);
      expect(await get('/health/live')).toMatchObject({ status: 200, body: { status: 'live' } });
      for (const path of ['/health/ready', '/v1/meters', '/nowhere']) {
        const { status, body, headers } = await get(path);
        expect([status, body.code]).toEqual([503, 'service_unavailable']);
        expect(body.detail).toMatch(/countonce migrate/);
        expect(headers.get('retry-after')).toBeTruthy();
        expect(headers.get('content-type')).toBe('application/problem+json');
      }
      const sent = await call(room.url, KEY, 'POST', '/v1/usage-events', EVENT);
      expect(sent.status).toBe(503);
      expect((await runCli(['migrate'], { DATABASE_URL: url.href })).code).toBe(0);
      // The same process, without a restart.
      await room.ready;
      expect((await get('/health/ready')).status).toBe(200);
      expect(room.process.exitCode).toBeNull();
    } finally {
      for (const server of running.splice(0)) {
        server.process.kill('SIGTERM');
        await server.ended;
      }
      await onServer((client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    }
  });

  it('ends where its port is taken, and leaves no worker behind', async () => {
    await using database = await createTestDatabase();
    const first = await serve({ DATABASE_URL: database.url });
    const { port } = new URL(first.url);
    const refused = await runCli(['serve'], { DATABASE_URL: database.url, PORT: port });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/EADDRINUSE/);
  });

  it('ends a test clock when the Stripe key becomes a live one', async () => {
    await using database = await createTestDatabase();
    const env = {
      DATABASE_URL: database.url,
      BOOTSTRAP_API_KEY: KEY,
      STRIPE_API_BASE: 'http://127.0.0.1:1',
    };
    const first = await serve({ ...env, STRIPE_SECRET_KEY: 'sk_test_x' });
    const set = await call(first.url, KEY, 'POST', '/v1/test-clock', {
      now: '2030-01-05T00:00:00Z',
    });
    expect(set.status).toBe(200);
    first.process.kill('SIGTERM');
    await first.ended;

    const live = await serve({ ...env, STRIPE_SECRET_KEY: 'sk_live_x' });
    await call(live.url, KEY, 'PUT', '/v1/meters/requests', { aggregation: 'sum' });
    await call(live.url, KEY, 'POST', '/v1/usage-events', EVENT);
    const event = await call(live.url, KEY, 'GET', '/v1/usage-events/a');
    expect(Math.abs(Date.parse(event.body.occurred_at) - Date.now())).toBeLessThan(60_000);
    const again = await call(live.url, KEY, 'POST', '/v1/test-clock', {
      now: '2030-01-05T00:00:00Z',
    });
    expect(again.body.code).toBe('test_clock_live');
    expect((await call(live.url, KEY, 'POST', '/v1/test-clock', { now: null })).status).toBe(200);
  });

  it('names every variable that is wrong and starts nothing', async () => {
    const refused = await runCli(['serve'], {
      PORT: 'eighty',
      ROLE: 'boss',
      BOOTSTRAP_API_KEY: 'too-short',
    });
    expect(refused.code).toBe(1);
    for (const name of ['PORT', 'ROLE', 'BOOTSTRAP_API_KEY'])
      expect(refused.stderr).toContain(name);
    expect(refused.stderr).not.toContain('too-short');
  });

  it('serves no API in the role of a worker, and works all the same', async () => {
    await using database = await createTestDatabase();
    const api = await serve({ DATABASE_URL: database.url, ROLE: 'api', BOOTSTRAP_API_KEY: KEY });
    const worker = await serve({
      DATABASE_URL: database.url,
      ROLE: 'worker',
      BOOTSTRAP_API_KEY: KEY,
    });
    await call(api.url, KEY, 'PUT', '/v1/meters/requests', { aggregation: 'sum' });
    await call(api.url, KEY, 'POST', '/v1/usage-events', EVENT);

    expect((await call(worker.url, KEY, 'GET', '/health/ready')).status).toBe(200);
    expect((await call(worker.url, KEY, 'GET', '/v1/meters')).status).toBe(404);
    await expect
      .poll(
        async () =>
          (await database.pool.query('SELECT count(*)::int AS n FROM usage_total')).rows[0].n,
        {
          timeout: 20_000,
        },
      )
      .toBe(1);
  });
});
