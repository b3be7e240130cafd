import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TenantService } from '../../src/access/tenant.service.js';
import { createApp } from '../../src/app.js';
import {
  distributeTables,
  STATEMENT_MAX_MS,
} from '../../src/commands/distribute/distribute-tables.js';
import {
  distributionState,
  requireCitus,
} from '../../src/commands/distribute/distribution-state.js';
import { distributionSteps } from '../../src/commands/distribute/distribution-steps.js';
import { migrate } from '../../src/commands/open-database.js';
import { loadConfig } from '../../src/config/config.js';
import { Connections } from '../../src/database/connections.js';
import { call, type Answer } from '../support/app.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/**
 * A database of a coordinator, with its workers added, for tests alone: what is in the schema `public`
 * of it is dropped. docs/distributed.md tells how to set one up.
 */
const URL_OF_CITUS = process.env['CITUS_DATABASE_URL'] ?? '';
const PUSHED_WITHIN_MS = 60_000;

if (URL_OF_CITUS === '') {
  process.stderr.write('CITUS_DATABASE_URL is not set: nothing is tried on a real Citus.\n');
}

describe.skipIf(URL_OF_CITUS === '')('on Citus', () => {
  let pool: pg.Pool;
  let running: Server | undefined;

  beforeAll(() => {
    if (!new URL(URL_OF_CITUS).pathname.includes('test')) {
      throw new Error('the name of the database of CITUS_DATABASE_URL has no "test" in it');
    }
    pool = new pg.Pool({ connectionString: URL_OF_CITUS, max: 2 });
  });
  afterEach(async () => {
    await running?.app.close();
    running = undefined;
  });
  afterAll(() => pool.end());

  async function emptyDatabase(): Promise<void> {
    // Not the schema as a whole: views of the extension are in it.
    const { rows } = await pool.query<{ drop: string }>(OUR_OBJECTS);
    for (const { drop } of rows) await pool.query(drop);
    await migrate(URL_OF_CITUS);
    await pool.query('ALTER ROLE countonce_service LOGIN');
    await pool.query('ALTER ROLE countonce_tenant LOGIN');
  }

  async function distributed(): Promise<string[]> {
    const connections = new Connections(URL_OF_CITUS, 'distribute', 1, undefined, {
      statementTimeoutMs: STATEMENT_MAX_MS,
    });
    try {
      await requireCitus(connections);
      const steps = await distributeTables(connections);
      expect(distributionSteps(await distributionState(connections))).toEqual([]);
      expect(await distributeTables(connections)).toEqual([]);
      return steps.map(({ what }) => what);
    } finally {
      await connections.end();
    }
  }

  it('an empty database is distributed, counts, closes, pushes and verifies', async () => {
    await emptyDatabase();
    expect(await distributed()).toContain('distribute usage_event_key');

    running = await serve();
    await tellMeter(running);
    await countOnce(running, 'first');
    await closeAndPush(running, '1');
    await verify(running);
  }, 600_000);

  it('a filled database is distributed with all that is in it, and goes on', async () => {
    await emptyDatabase();
    running = await serve();
    await tellMeter(running);
    await countOnce(running, 'before');
    const before = await counts();
    await running.app.close();

    await distributed();
    expect(await counts()).toEqual(before);

    running = await serve(running);
    const again = await running.call('POST', '/v1/usage-events', event('before'));
    expect(again.body.status).toBe('duplicate');
    await countOnce(running, 'after');
    await closeAndPush(running, '2');
    await verify(running);
  }, 600_000);

  it('keeps one tenant from the rows of another', async () => {
    const { rows } = await pool.query<{ tenant_id: string }>('SELECT tenant_id FROM tenant');
    await pool.query(`SET citus.propagate_set_commands = 'local'`);
    const client = await pool.connect();
    try {
      const seen = async (tenantId: string): Promise<number> => {
        await client.query(`SET citus.propagate_set_commands = 'local'`);
        await client.query('BEGIN');
        await client.query('SET LOCAL ROLE countonce_tenant');
        await client.query(`SET LOCAL countonce.tenant_id = '${tenantId}'`);
        const found = await client.query('SELECT FROM usage_event');
        await client.query('ROLLBACK');
        return found.rowCount ?? 0;
      };
      expect(await seen(rows[0]!.tenant_id)).toBe(2);
      expect(await seen('00000000-0000-4000-8000-000000000000')).toBe(0);
    } finally {
      client.release();
    }
  });

  async function counts(): Promise<Record<string, string>> {
    const { rows } = await pool.query<Record<string, string>>(`
      SELECT (SELECT count(*) FROM usage_event_key) AS keys,
             (SELECT count(*) FROM usage_event) AS events,
             (SELECT count(*) FROM usage_entry) AS entries,
             (SELECT count(*) FROM audit_entry) AS audit,
             (SELECT count(*) FROM tenant) AS tenants`);
    return rows[0]!;
  }
});

const OUR_OBJECTS = `
  WITH extension AS (SELECT objid FROM pg_depend WHERE deptype = 'e')
  SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) AS drop FROM pg_class
   WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
     AND oid NOT IN (TABLE extension)
   UNION ALL
  SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
   WHERE pronamespace = 'public'::regnamespace AND oid NOT IN (TABLE extension)`;

interface Server {
  readonly app: NestFastifyApplication;
  readonly apiKey: string;
  readonly path: string;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
}

/** The whole service with its workers; pushes go to a file. */
async function serve(before?: Server): Promise<Server> {
  const apiKey = before?.apiKey ?? `test_${randomBytes(24).toString('hex')}`;
  const path = before?.path ?? join(temporaryFolder(), 'pushes.ndjson');
  const config = loadConfig({
    ROLE: 'all',
    LOG_LEVEL: 'error',
    BOOTSTRAP_API_KEY: apiKey,
    PUSH_TARGET: 'file',
    PUSH_FILE: path,
  });
  const databaseUrl = URL_OF_CITUS;
  const app = await createApp({ databaseUrl, config }, ['error', 'fatal'] as never);
  await app.get(TenantService).ensureDefaultTenant(config);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return { app, apiKey, path, call: (...request) => call(url, apiKey, ...request) };
}

const event = (id: string) => ({
  usage_event_id: id,
  customer_id: 'acme',
  meter: 'tokens',
  quantity: 1,
  occurred_at: lastMonth(),
});

/** Its last day: Stripe takes nothing that is older than 35 days. */
function lastMonth(): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 0, 12)).toISOString();
}

async function tellMeter({ call: ask }: Server): Promise<void> {
  await ask('PUT', '/v1/meters/tokens', { aggregation: 'sum', stripe_event_name: 'tokens' });
  await ask('PUT', '/v1/customers/acme', { stripe_customer_id: 'cus_acme' });
}

async function countOnce({ call: ask }: Server, id: string): Promise<void> {
  const first = await ask('POST', '/v1/usage-events', event(id));
  const second = await ask('POST', '/v1/usage-events', event(id));
  expect([first.body.status, second.body.status]).toEqual(['accepted', 'duplicate']);
}

async function closeAndPush({ call: ask, path }: Server, value: string): Promise<void> {
  const closed = await ask('POST', '/v1/period-closes', {});
  expect(closed.status).toBeLessThan(300);
  const deadline = Date.now() + PUSHED_WITHIN_MS;
  while (pushed(path) !== value && Date.now() < deadline) await sleep(250);
  expect(pushed(path)).toBe(value);
}

/** What the lines of the file add up to. */
function pushed(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    return String(
      lines.reduce((sum, line) => sum + Number(JSON.parse(line).payload.value as string), 0),
    );
  } catch {
    return '0';
  }
}

async function verify({ call: ask }: Server): Promise<void> {
  const begun = await ask('POST', '/v1/replays', { mode: 'verify' });
  for (;;) {
    const { body } = await ask('GET', `/v1/replays/${begun.body.id}`);
    if (body.status !== 'running') {
      expect(body).toMatchObject({ status: 'finished', difference_count: 0 });
      return;
    }
    await sleep(250);
  }
}
