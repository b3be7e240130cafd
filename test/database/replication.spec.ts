import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../proof/fault-proxy.js';
import { Random } from '../../src/commands/demo/random.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { useServer } from '../support/database.js';
import { distributionPrograms, DistributionPostgres } from '../support/distribution-postgres.js';
import { createTemplate } from '../support/template.js';

const CLIENTS = 6;
const BEFORE = 150;
const AFTER = 100;

const event = (id: string) => ({
  usage_event_id: id,
  customer_id: 'c',
  meter: 'm',
  quantity: 1,
  occurred_at: '2026-11-10T09:00:00Z',
});

let primary: DistributionPostgres;
let standby: DistributionPostgres;
let proxy: FaultProxy;
let app: TestApp;
/** Where the application's connections lead. */
let port: number;

describe.skipIf(distributionPrograms() === undefined)('with a synchronous standby', () => {
  beforeAll(async () => {
    primary = await DistributionPostgres.start([]);
    port = primary.port;
    proxy = await FaultProxy.open(() => port, new Random(1));
    const url = new URL(primary.url);
    url.port = String(proxy.port);
    useServer({ url: url.href, template: await createTemplate(primary.url) });
    app = await startTestApp();
    await app.call('PUT', '/v1/meters/m', { aggregation: 'sum' });
    standby = await primary.standby('second');
    await on(primary, `ALTER SYSTEM SET synchronous_standby_names = 'second'`);
    await on(primary, 'SELECT pg_reload_conf()');
    while (!(await isSynchronous())) await sleep(20);
  }, 180_000);

  afterAll(async () => {
    await app.app.close();
    await proxy.close();
    await primary[Symbol.asyncDispose]();
    await standby[Symbol.asyncDispose]();
  });

  it('a commit that the standby may not have is no success', async () => {
    await standby.stop('SIGINT');
    let isAnswered = false;
    const asked = app
      .call('POST', '/v1/usage-events', event('waits'))
      .finally(() => (isAnswered = true));
    // As an operator does who does not want to wait, and `statement_timeout` by itself.
    while (!isAnswered) {
      await on(
        primary,
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
      );
      await sleep(20);
    }
    const refused = await asked;
    expect(refused).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

    await standby.restart();
    const again = await app.call('POST', '/v1/usage-events', event('waits'));
    expect(again).toMatchObject({ status: 200, body: { status: 'duplicate' } });
    expect(await recorded(standby)).toEqual(['waits']);
  });

  it('what was acknowledged is there after the failover, once', async () => {
    const acknowledged = new Set<string>();
    const sent = new Set<string>();
    let isEnough = false;
    const client = async (number: number): Promise<void> => {
      for (let n = 1; !isEnough; n++) {
        const id = `${number}-${n}`;
        sent.add(id);
        while (!acknowledged.has(id)) {
          const answer = await app.call('POST', '/v1/usage-events', event(id));
          if (answer.status < 300) acknowledged.add(id);
          else {
            expect(answer.text).toMatch(/"database_unavailable"/);
            await sleep(50);
          }
        }
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
    const until = async (count: number): Promise<void> => {
      while (acknowledged.size < count) await Promise.race([clients, sleep(20)]);
    };
    try {
      await until(BEFORE);
      await primary.stop('SIGKILL');
      await standby.promote();
      port = standby.port;
      await until(acknowledged.size + AFTER);
    } finally {
      isEnough = true;
      await clients;
    }

    expect(acknowledged.size).toBe(sent.size);
    const there = await recorded(standby);
    expect(there).toEqual([...sent, 'waits'].toSorted());
    const november = 'from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z';
    const usage = await app.call('GET', `/v1/usage?meter=m&customer_id=c&${november}&window=total`);
    expect(usage.body.data).toMatchObject([{ value: String(there.length) }]);
  });
});

async function isSynchronous(): Promise<boolean> {
  const rows = await on(primary, `SELECT FROM pg_stat_replication WHERE sync_state = 'sync'`);
  return rows.length > 0;
}

/** Every usage event, sorted by code units. */
async function recorded(server: DistributionPostgres): Promise<string[]> {
  const sql = 'SELECT usage_event_id AS id FROM usage_event ORDER BY usage_event_id COLLATE "C"';
  const rows = await on(server, sql, [], new URL(app.databaseUrl).pathname);
  return rows.map(({ id }) => id as string);
}

async function on(
  server: DistributionPostgres,
  sql: string,
  parameters: readonly unknown[] = [],
  database = '/postgres',
): Promise<any[]> {
  const url = new URL(server.url);
  url.pathname = database;
  const client = new pg.Client(url.href);
  await client.connect();
  try {
    return (await client.query(sql, [...parameters])).rows;
  } finally {
    await client.end();
  }
}
