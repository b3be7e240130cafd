import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../proof/fault-proxy.js';
import { Random } from '../../src/commands/demo/random.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { useServer } from '../support/database.js';
import { distributionPrograms, DistributionPostgres } from '../support/distribution-postgres.js';
import { createTemplate } from '../support/template.js';

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

describe.skipIf(distributionPrograms() === undefined)('a standby that lacks commits', () => {
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
    await standby.stop('SIGINT');
  }, 180_000);

  afterAll(async () => {
    await app.app.close();
    await proxy.close();
    await primary[Symbol.asyncDispose]();
    await standby[Symbol.asyncDispose]();
  });

  it('is asked again for customers and periods once it takes over', async () => {
    for (const id of ['1', '2', '3']) {
      expect((await app.call('POST', '/v1/usage-events', event(id))).status).toBe(201);
    }
    await primary.stop('SIGKILL');
    await standby.restart();
    await standby.promote();
    port = standby.port;

    let answer = await app.call('POST', '/v1/usage-events', event('4'));
    while (answer.status === 503) {
      await sleep(50);
      answer = await app.call('POST', '/v1/usage-events', event('4'));
    }
    expect(answer.status).toBe(201);
    expect(await countsOnStandby()).toEqual({ customers: 1, periods: 1, events: 1 });
  });
});

async function countsOnStandby(): Promise<object> {
  const url = new URL(standby.url);
  url.pathname = new URL(app.databaseUrl).pathname;
  const client = new pg.Client(url.href);
  await client.connect();
  const { rows } = await client.query<object>(
    `SELECT (SELECT count(*) FROM customer)::integer AS customers,
            (SELECT count(*) FROM billing_period)::integer AS periods,
            (SELECT count(*) FROM usage_event)::integer AS events`,
  );
  await client.end();
  return rows[0]!;
}
