import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { startTestApp, type TestApp } from '../support/app.js';

const OCTOBER = '2026-10-01T00:00:00.000Z';
const NOVEMBER = '2026-11-01T00:00:00.000Z';

describe('the own clock', () => {
  let app: TestApp;
  let tenantId: string;
  let ids = 0;

  beforeAll(async () => {
    app = await startTestApp();
    await app.call('PUT', '/v1/meters/total', { aggregation: 'sum' });
    const { rows } = await app.pool.query('SELECT tenant_id FROM tenant');
    tenantId = rows[0].tenant_id;
  });
  afterAll(() => app[Symbol.asyncDispose]());

  const setClock = (now: string) => app.call('POST', '/v1/test-clock', { now });
  const tick = () => app.app.get(PeriodCloser).closeByClock(tenantId, () => false);
  const statement = async (customer: string, start: string) =>
    (await app.call('GET', `/v1/customers/${customer}/billing-periods/${start}?meter=total`)).body;
  const usage = async (customer: string, at: string, quantity = '1') =>
    (
      await app.call('POST', '/v1/usage-events', {
        usage_event_id: `e-${++ids}`,
        customer_id: customer,
        meter: 'total',
        quantity,
        occurred_at: at,
      })
    ).body;

  it('closes what ended when the grace is over, and not before', async () => {
    await setClock('2026-10-20T00:00:00Z');
    await usage('steady', '2026-10-10T00:00:00Z', '1');
    await setClock('2026-11-01T00:29:50Z');
    expect(await tick()).toBe(0);
    expect((await usage('steady', '2026-10-31T23:00:00Z', '2')).late).toBeUndefined();
    expect(await statement('steady', OCTOBER)).toMatchObject({ status: 'ended', value: '3' });

    await setClock('2026-11-01T00:30:01Z');
    expect(await tick()).toBe(1);
    expect(await statement('steady', OCTOBER)).toMatchObject({ status: 'closed', value: '3' });
    expect(await tick()).toBe(0);
  });

  it('makes what comes after it late', async () => {
    expect(await usage('steady', '2026-10-31T23:30:00Z', '5')).toMatchObject({
      late: true,
      billed_period_start: NOVEMBER,
    });
    expect(await statement('steady', OCTOBER)).toMatchObject({ value: '3', carried_out: '5' });
  });

  it('leaves a period whose first usage came after the grace to a command', async () => {
    expect((await usage('importer', '2015-05-17T10:00:00Z', '7')).late).toBeUndefined();
    expect((await usage('importer', '2015-05-18T10:00:00Z', '1')).late).toBeUndefined();
    expect(await tick()).toBe(0);
    expect(await statement('importer', '2015-05-01T00:00:00Z')).toMatchObject({
      status: 'ended',
      value: '8',
    });
    await app.call('POST', '/v1/period-closes', { customer_id: 'importer' });
    expect(await statement('importer', '2015-05-01T00:00:00Z')).toMatchObject({
      status: 'closed',
      value: '8',
    });
  });

  it('carries the last value through every period of a gap', async () => {
    await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
    await setClock('2026-11-20T00:00:00Z');
    await app.call('POST', '/v1/usage-events', {
      usage_event_id: `e-${++ids}`,
      customer_id: 'sleeper',
      meter: 'level',
      quantity: '42',
      occurred_at: '2026-11-15T00:00:00Z',
    });
    await setClock('2027-03-10T00:00:00Z');
    while ((await tick()) > 0);
    const periods = await app.call('GET', '/v1/customers/sleeper/billing-periods?meter=level');
    expect(
      periods.body.data.map((each: any) => [
        each.period_start.slice(0, 7),
        each.status,
        each.value,
      ]),
    ).toEqual([
      ['2026-11', 'closed', '42'],
      ['2026-12', 'closed', '42'],
      ['2027-01', 'closed', '42'],
      ['2027-02', 'closed', '42'],
      ['2027-03', 'open', '42'],
    ]);
  });

  it('carries on a close that was interrupted after its mark', async () => {
    await usage('broken', '2026-10-12T00:00:00Z', '4');
    const closer = app.app.get(PeriodCloser);
    await closer.begin(tenantId, { asOf: undefined, customerNo: 0, meterNo: 0, byClock: false });
    expect(await statement('broken', OCTOBER)).toMatchObject({ status: 'closing', value: '4' });
    expect((await usage('broken', '2026-10-13T00:00:00Z', '9')).late).toBe(true);

    await closer.resume(tenantId, () => false);
    expect(await statement('broken', OCTOBER)).toMatchObject({ status: 'closed', value: '4' });
    const { rows } = await app.pool.query(
      'SELECT count(*)::int AS n FROM period_close WHERE finished_at IS NULL',
    );
    expect(rows[0].n).toBe(0);
  });
});

it('runs by itself in a process whose role it is', async () => {
  await using app = await startTestApp({ ROLE: 'all', CLOSE_GRACE_SECONDS: '0' });
  await app.call('PUT', '/v1/meters/total', { aggregation: 'sum' });
  await app.call('POST', '/v1/test-clock', { now: '2026-10-31T23:59:00Z' });
  await app.call('POST', '/v1/usage-events', {
    usage_event_id: 'a',
    customer_id: 'c',
    meter: 'total',
    quantity: 1,
  });
  await app.call('POST', '/v1/test-clock', { now: '2026-11-01T00:00:01Z' });
  await expect
    .poll(
      async () =>
        (await app.call('GET', `/v1/customers/c/billing-periods/${OCTOBER}?meter=total`)).body
          .status,
      { timeout: 20_000 },
    )
    .toBe('closed');
  await expect
    .poll(
      async () => (await app.pool.query('SELECT count(*)::int AS n FROM usage_delta')).rows[0].n,
      {
        timeout: 20_000,
      },
    )
    .toBe(0);
});
