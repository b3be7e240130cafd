import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TenantService } from '../../src/access/tenant.service.js';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE } from '../../src/database/roles.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { Eraser } from '../../src/erasure/eraser.js';
import { ErasureService } from '../../src/erasure/erasure.service.js';
import { ReplayRunner } from '../../src/replay/replay-runner.js';
import { foldAll } from '../../src/usage/fold.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { placesOfAll } from './database-texts.js';

let api: TestApp;
let tenantId: string;
beforeAll(async () => {
  api = await startTestApp();
  tenantId = (await api.app.get(TenantService).byName('default'))!.tenantId;
  await api.call('PUT', '/v1/meters/calls', { aggregation: 'sum', dimensions: ['region'] });
});
afterAll(() => api[Symbol.asyncDispose]());

function events(customer: string, from: number, count: number) {
  return Array.from({ length: count }, (_, i) => ({
    usage_event_id: `${customer} event ${from + i}`,
    customer_id: customer,
    meter: 'calls',
    quantity: 1,
    occurred_at: `2026-05-0${1 + ((from + i) % 9)}T10:00:00Z`,
    properties: { region: `${customer} region ${i % 3}` },
  }));
}

async function verified() {
  const { body } = await api.call('POST', '/v1/replays', { mode: 'verify' });
  const db = new Database(api.databaseUrl, 1);
  await new ReplayRunner(db).run(tenantId, body.id, () => false);
  await db.end();
  return (await api.call('GET', `/v1/replays/${body.id}`)).body;
}

async function valueOf(customer: string): Promise<number> {
  const path = `/v1/usage?meter=calls&customer_id=${customer}&from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z&window=total`;
  const { body } = await api.call('GET', path);
  return Number(body.data?.[0]?.value ?? 0);
}

const begin = (customer: string) =>
  withinTenant(tenantId, () =>
    api.app.get(ErasureService).begin(tenantId, customer, { reason: 'a test' }),
  );

describe('an erasure of a customer with many events', () => {
  it('goes on where a process died, whatever it was at', { timeout: 300_000 }, async () => {
    const customer = 'crane-1';
    for (const from of [0, 1_000]) {
      const answer = await api.call('POST', '/v1/usage-events', {
        events: events(customer, from, 1_000),
      });
      expect(answer.body.accepted).toBe(1_000);
    }
    const id = await begin(customer);
    const { body } = await api.call('GET', `/v1/erasures/${id}`);
    expect(body).toMatchObject({ status: 'running', progress: { usage_events: 0 } });

    const seen = new Set<string>();
    let deaths = 0;
    for (let isOver = false; !isOver; deaths++) {
      const { status, progress } = (await api.call('GET', `/v1/erasures/${id}`)).body;
      isOver = status === 'finished';
      seen.add(`${progress.phase} ${progress.usage_events}`);
      if (!isOver) await dieIn(id);
      if (!isOver) await live(id);
    }

    expect([...seen].slice(0, 3)).toEqual([
      'usage_events 0',
      'usage_events 1000',
      'usage_events 2000',
    ]);
    expect(deaths).toBeGreaterThan(10);
    expect(await placesOfAll(api.pool, ['crane'])).toEqual({});
    expect(await valueOf(body.customer_id)).toBe(2_000);
    expect(await verified()).toMatchObject({ difference_count: 0 });
  });

  /** A process that is at its next transaction when it dies. */
  async function dieIn(id: string): Promise<void> {
    const url = new URL(api.databaseUrl);
    const db = new Database(url.href, 1, SERVICE_ROLE);
    const holder = await api.pool.connect();
    try {
      // The step waits for its own note of how far it has come, with all its work done.
      await holder.query('BEGIN; LOCK TABLE erasure IN SHARE MODE');
      const died = withinTenant(tenantId, () => new Eraser(db).step(tenantId, id)).then(
        () => 'lived',
        () => 'died',
      );
      await Promise.race([untilLocked(), died]);
      await api.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(await died).toBe('died');
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
      await db.end();
    }
  }

  async function untilLocked(): Promise<void> {
    for (let tries = 0; tries < 2_000; tries++) {
      const { rows } = await api.pool.query(
        `SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      if (rows.length > 0) return;
      await sleep(5);
    }
  }

  /** Another process does what the dead one was at, and no more. */
  async function live(id: string): Promise<void> {
    const db = new Database(api.databaseUrl, 1, SERVICE_ROLE);
    await withinTenant(tenantId, () => new Eraser(db).step(tenantId, id));
    await db.end();
  }
});

describe('an erasure beside others', () => {
  it(
    'takes what was recorded before it, and leaves what comes after to another customer',
    { timeout: 120_000 },
    async () => {
      const customer = 'stork-1';
      let sent = 0;
      let isOver = false;
      const send = async (): Promise<void> => {
        while (!isOver) {
          const from = sent;
          sent += 20;
          const body = { events: events(customer, from, 20) };
          const answer = await api.call('POST', '/v1/usage-events', body);
          expect(answer.body).toMatchObject({ accepted: 20 });
        }
      };
      const folding = async (): Promise<void> => {
        while (!isOver) await foldAll(api.app.get(Database).work, tenantId);
      };
      const others = Promise.all([send(), send(), send(), folding()]);
      while (sent < 200) await sleep(5);
      const answer = await api.call('POST', `/v1/customers/${customer}/erasures`, {
        reason: 'race',
      });
      const until = sent + 100;
      while (sent < until) await sleep(5);
      isOver = true;
      await others;

      expect(answer.body.status).toBe('finished');
      const pseudonym: string = answer.body.customer_id;
      const erased = await valueOf(pseudonym);
      const fresh = await valueOf(customer);
      expect(erased).toBeGreaterThan(0);
      expect(fresh).toBeGreaterThan(0);
      expect(erased + fresh).toBe(sent);
      const { rows } = await api.pool.query(
        `SELECT c.customer_id AS id, count(*)::int AS events, count(e.usage_event_id)::int AS named,
              count(e.properties)::int AS properties
         FROM usage_event e JOIN customer c USING (tenant_id, customer_no)
        WHERE c.customer_id IN ($1, $2) GROUP BY 1`,
        [customer, pseudonym],
      );
      expect(rows.find(({ id }) => id === pseudonym)).toMatchObject({
        events: erased,
        named: 0,
        properties: 0,
      });
      expect(rows.find(({ id }) => id === customer)).toMatchObject({
        events: fresh,
        named: fresh,
        properties: fresh,
      });
      expect(await verified()).toMatchObject({ difference_count: 0 });
    },
  );

  it('is one of several that are asked for at once', async () => {
    await api.call('POST', '/v1/usage-events', { events: events('ibis-1', 0, 50) });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        api.call('POST', '/v1/customers/ibis-1/erasures', { reason: 'again and again' }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 404, 404, 404, 404]);
    // A refusal names what was asked for: it is kept for nobody.
    expect(await placesOfAll(api.pool, ['ibis'])).toEqual({});
  });

  it('is gone on with by any number of processes', async () => {
    await api.call('POST', '/v1/usage-events', { events: events('egret-1', 0, 500) });
    const id = await begin('egret-1');
    const eraser = api.app.get(Eraser);
    await Promise.all([eraser.finish(tenantId, id), eraser.finish(tenantId, id)]);
    const { body } = await api.call('GET', `/v1/erasures/${id}`);
    expect(body).toMatchObject({ status: 'finished', progress: { usage_events: 500 } });
  });

  it('leaves voids of its events possible, and their reasons are new', async () => {
    await api.call('POST', '/v1/usage-events', { events: events('coot-1', 0, 4) });
    const { body } = await api.call('POST', '/v1/customers/coot-1/erasures', { reason: 'a test' });
    const answer = await api.call('POST', '/v1/usage-events/void', {
      usage_event_id: 'coot-1 event 1',
      reason: 'counted twice',
    });
    expect(answer.body.effect).toMatchObject({ kind: 'open', value: '-1' });
    expect(await valueOf(body.customer_id)).toBe(3);
    expect(await placesOfAll(api.pool, ['coot'])).toEqual({});
    expect(await verified()).toMatchObject({ difference_count: 0 });
  });
});
