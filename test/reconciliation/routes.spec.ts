import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PushWorker } from '../../src/push/push-worker.js';
import { runCli } from '../commands/cli.js';
import { SECRET_KEY } from '../push/push-scene.js';
import { builtCli } from '../support/built-cli.js';
import { startTestApp, type TestApp } from '../support/app.js';

let simulator: Simulator;
let app: TestApp;
let env: Record<string, string>;

beforeAll(async () => {
  simulator = await startSimulator({ rateLimits: false, autoCustomers: true });
  env = {
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_API_BASE: simulator.url,
    READBACK_STABLE_SECONDS: '0',
  };
  app = await startTestApp(env);
  await beInMidHour();
  await stripe('/v1/billing/meters', {
    display_name: 'Calls',
    event_name: 'calls',
    'default_aggregation[formula]': 'sum',
  });
  await app.call('PUT', '/v1/meters/calls', { aggregation: 'sum', stripe_event_name: 'calls' });
  for (const id of ['a', 'b', 'c']) {
    await app.call('PUT', `/v1/customers/${id}`, { stripe_customer_id: `cus_${id}` });
    await app.call('POST', '/v1/usage-events', {
      usage_event_id: id,
      customer_id: id,
      meter: 'calls',
      quantity: '2',
    });
  }
  const { rows } = await app.pool.query('SELECT tenant_id FROM tenant');
  await app.pool.query(
    `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
     SELECT tenant_id, customer_no, meter_no, period_start, false FROM billing_period`,
  );
  await app.app.get(PushWorker).drain(rows[0].tenant_id);
}, 60_000);

afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await simulator.stop();
});

/** A repair wants a minute that others left free, and the first of an hour has none beside it. */
async function beInMidHour(): Promise<void> {
  const at = Date.parse('2026-06-15T10:30:00Z');
  await app.pool.query('UPDATE tenant SET clock_offset_micros = $1', [(at - Date.now()) * 1_000]);
  simulator.setClock(at);
}

async function stripe(path: string, body: Record<string, string>): Promise<void> {
  await fetch(`${simulator.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET_KEY}` },
    body: new URLSearchParams(body),
  });
}

describe('reconciliations over HTTP', () => {
  it('are answered when they are finished, and found again', async () => {
    const made = await app.call('POST', '/v1/reconciliations', {});
    expect(made.status).toBe(200);
    expect(made.body).toMatchObject({
      status: 'finished',
      progress: { lanes: 3, done: 3 },
      verdicts: { matched: 3 },
      next_cursor: null,
    });
    const found = await app.call('GET', `/v1/reconciliations/${made.body.id}`);
    expect(found.body).toEqual(made.body);
    const list = await app.call('GET', '/v1/reconciliations?limit=1');
    expect(list.body.data).toMatchObject([{ id: made.body.id, status: 'finished' }]);
  });

  it('give their lanes page by page', async () => {
    const { body } = await app.call('POST', '/v1/reconciliations', {});
    const first = await app.call('GET', `/v1/reconciliations/${body.id}?limit=2`);
    const rest = await app.call(
      'GET',
      `/v1/reconciliations/${body.id}?limit=2&cursor=${first.body.next_cursor}`,
    );
    expect([...first.body.lanes, ...rest.body.lanes]).toEqual(body.lanes);
    expect(rest.body.next_cursor).toBeNull();
  });

  it('are of one customer, meter or period where that is asked for', async () => {
    const one = await app.call('POST', '/v1/reconciliations', { customer_id: 'b', meter: 'calls' });
    expect(one.body.lanes.map((lane: any) => lane.customer_id)).toEqual(['b']);
    const { period_start } = one.body.lanes[0];
    const period = await app.call('POST', '/v1/reconciliations', { period_start });
    expect(period.body.lanes).toHaveLength(3);
    const none = await app.call('POST', '/v1/reconciliations', {
      period_start: '2020-01-01T00:00:00Z',
    });
    expect(none.body).toMatchObject({ status: 'finished', lanes: [] });
  });

  it.each([
    [{ customer_id: 'nobody' }, 404, 'customer_not_found'],
    [{ meter: 'nothing' }, 404, 'meter_not_found'],
    [{ period_start: 'yesterday' }, 422, 'validation_failed'],
    [{ hour: 1 }, 422, 'validation_failed'],
  ])('refuse %j', async (body, status, code) => {
    const answer = await app.call('POST', '/v1/reconciliations', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('that there are not are 404', async () => {
    for (const id of ['x', '00000000-0000-4000-8000-000000000000']) {
      expect((await app.call('GET', `/v1/reconciliations/${id}`)).body.code).toBe(
        'reconciliation_not_found',
      );
      const repairs = await app.call('POST', `/v1/reconciliations/${id}/repairs`, {});
      expect(repairs.status).toBe(404);
    }
  });

  it('are repaired only where that is said', async () => {
    await stripe('/v1/billing/meter_events', {
      event_name: 'calls',
      'payload[stripe_customer_id]': 'cus_a',
      'payload[value]': '9',
    });
    const { body } = await app.call('POST', '/v1/reconciliations', { customer_id: 'a' });
    expect(body.lanes).toMatchObject([{ verdict: 'drift', drift: '9' }]);
    const path = `/v1/reconciliations/${body.id}/repairs`;
    for (const request of [undefined, {}, { dry_run: true }]) {
      const plan = await app.call('POST', path, request);
      expect([plan.status, plan.body.dry_run]).toEqual([200, true]);
    }
    const done = await app.call('POST', path, { dry_run: false });
    expect(done.body).toMatchObject({ dry_run: false, lanes: [{ effect: '-9' }] });
    expect((await app.call('POST', path, { dry_run: false })).body).toEqual(done.body);
  });
});

describe('the command line', () => {
  // Built by the first to need it.
  beforeAll(() => builtCli(), 240_000);

  it('reconciles, and exits 1 where Stripe has another figure', async () => {
    const shell = { ...env, DATABASE_URL: app.databaseUrl };
    const fine = await runCli(['reconcile', '--customer', 'b'], shell);
    expect([fine.code, fine.stdout]).toEqual([0, expect.stringMatching(/matched\s+b\s+calls/)]);
    const wrong = await runCli(['reconcile', '--json'], shell);
    expect(wrong.code).toBe(1);
    expect(wrong.json.lanes.map((lane: any) => lane.verdict).toSorted()).toEqual([
      'drift',
      'matched',
      'matched',
    ]);
  }, 60_000);

  it('reads back after a restore, and lets pushes go on', async () => {
    const shell = { ...env, DATABASE_URL: app.databaseUrl };
    await app.pool.query(`UPDATE installation SET cluster = 'elsewhere'`);
    const ready = await app.call('GET', '/health/ready');
    expect([ready.status, ready.body.pushes]).toEqual([200, expect.stringMatching(/copy/)]);
    expect((await app.call('GET', '/metrics')).text).toContain('stripe_pushes_stopped 1');
    const doctor = await runCli(['doctor', '--json'], shell);
    expect(doctor.json.checks).toContainEqual(
      expect.objectContaining({ name: 'pushes', status: 'fail' }),
    );

    const dry = await runCli(['restored', '--dry-run', '--json'], shell);
    expect([dry.code, dry.json.finished, dry.json.places]).toEqual([0, false, 3]);
    const done = await runCli(['restored'], shell);
    expect([done.code, done.stdout]).toEqual([0, expect.stringMatching(/Pushes go on\.\n$/)]);
    const after = await app.call('GET', '/health/ready');
    expect(after.body).toEqual({ status: 'ready' });
  }, 60_000);
});
