import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BulkVoider } from '../../src/corrections/bulk-voider.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
const METERS = {
  sums: { aggregation: 'sum' },
  counts: { aggregation: 'count' },
  peaks: { aggregation: 'max' },
  lasts: { aggregation: 'last' },
  users: { aggregation: 'unique_count', unique_property: 'user' },
};

beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-11-10T12:00:00Z' });
  for (const [key, settings] of Object.entries(METERS)) {
    await app.call('PUT', `/v1/meters/${key}`, { ...settings, event_types: ['usage'] });
  }
  await app.call('PUT', '/v1/meters/alone', { aggregation: 'sum' });
});
afterAll(() => app[Symbol.asyncDispose]());

async function record(
  customer: string,
  count: number,
  meter = 'usage',
  source = 'batch',
  apartMs = 3_600_000,
) {
  const events = Array.from({ length: count }, (_, i) => ({
    usage_event_id: `${customer}-${i}`,
    source,
    customer_id: customer,
    meter,
    quantity: i + 1,
    occurred_at: new Date(Date.parse('2026-10-30T00:00:00Z') + i * apartMs).toISOString(),
    properties: { user: `u${i % 7}` },
  }));
  const { body } = await app.call('POST', '/v1/usage-events', { events });
  expect(body.accepted).toBe(count);
}
const total = async (customer: string, meter: string) =>
  (await app.call('GET', `/v1/usage?meter=${meter}&customer_id=${customer}`)).body.data[0]?.value;

describe('a void of many', () => {
  it('does to each meter what its rehearsal told, open and closed', async () => {
    const customer = 'many';
    await record(customer, 60);
    await app.call('POST', '/v1/period-closes', {
      customer_id: customer,
      as_of: '2026-11-01T00:00:00Z',
    });
    const body = {
      // Hours 40 to 59, of which 40 to 47 lie in October.
      filter: { customer_id: customer, from: '2026-10-31T16:00:00Z' },
      reason: 'a bad deploy',
    };
    const rehearsal = await app.call('POST', '/v1/voids', { ...body, dry_run: true });
    expect(rehearsal.status).toBe(200);
    expect(rehearsal.body).toMatchObject({
      id: null,
      status: 'dry_run',
      progress: { found: 20, voided: 0, already_voided: 0 },
    });
    expect(rehearsal.body.effects).toContainEqual({
      meter: 'sums',
      kind: 'carried',
      event_count: 8,
      value: String(-(41 + 42 + 43 + 44 + 45 + 46 + 47 + 48)),
    });
    expect(rehearsal.body.effects).toContainEqual({
      meter: 'peaks',
      kind: 'amendment',
      event_count: 8,
      value: '-8',
    });
    expect(await total(customer, 'counts')).toBe('60');

    const done = await app.call('POST', '/v1/voids', body);
    expect(done.status).toBe(200);
    expect(done.body).toMatchObject({
      status: 'finished',
      filter: body.filter,
      reason: body.reason,
      progress: { found: 20, voided: 20, already_voided: 0 },
    });
    expect(done.body.effects).toEqual(rehearsal.body.effects);
    expect((await app.call('GET', `/v1/voids/${done.body.id}`)).body).toEqual(done.body);
    const left = Array.from({ length: 40 }, (_, i) => i + 1);
    expect(await Promise.all(Object.keys(METERS).map((meter) => total(customer, meter)))).toEqual([
      String(left.reduce((a, b) => a + b)),
      '40',
      '40',
      '40',
      '7',
    ]);

    const again = await app.call('POST', '/v1/voids', body);
    expect(again.body).toMatchObject({
      progress: { found: 20, voided: 0, already_voided: 20 },
      effects: [],
    });
  });

  it('goes on where it stopped, and ends once whoever works on it', async () => {
    const customer = 'stopped';
    await record(customer, 450, 'alone', 'stopped', 60_000);
    const { rows } = await app.pool.query('SELECT tenant_id FROM tenant');
    const tenantId: string = rows[0].tenant_id;
    const voider = app.app.get(BulkVoider);
    const selection = { eventKeys: null, source: 'stopped' };
    await app.pool.query(
      `INSERT INTO bulk_void (tenant_id, bulk_void_id, filter, selection, reason, created_at, found)
       VALUES ($1, gen_random_uuid(), $2, $2, 'by hand', clock_timestamp(), 450)`,
      [tenantId, JSON.stringify(selection)],
    );
    const [job] = (
      await app.pool.query('SELECT bulk_void_id AS id FROM bulk_void WHERE finished_at IS NULL')
    ).rows;
    const progress = async () =>
      (await app.call('GET', `/v1/voids/${job.id}`)).body.progress.voided as number;
    let steps = 0;
    // Stopped after its first transaction, as by a kill.
    await voider.finish(tenantId, job.id, () => steps++ === 1);
    expect(await progress()).toBe(200);
    expect((await app.call('GET', `/v1/voids/${job.id}`)).body.status).toBe('running');
    await Promise.all([1, 2, 3].map(() => voider.resume(tenantId, () => false)));
    expect(await progress()).toBe(450);
    expect(await total(customer, 'alone')).toBeUndefined();
    const counted = await app.pool.query(
      `SELECT count(*)::int AS n, count(DISTINCT event_key)::int AS events FROM usage_entry
        WHERE is_void AND customer_no = (SELECT customer_no FROM customer WHERE customer_id = $1)`,
      [customer],
    );
    expect(counted.rows).toEqual([{ n: 450, events: 450 }]);
  });

  it('of ids takes those, and leaves what comes later alone', async () => {
    await record('named', 4, 'alone', 'named');
    const filter = { usage_event_ids: ['named-1', 'named-2', 'nobody'], source: 'named' };
    const done = await app.call('POST', '/v1/voids', { filter, reason: 'x' });
    expect(done.body.progress).toEqual({ found: 2, voided: 2, already_voided: 0 });
    expect(await total('named', 'alone')).toBe('5');
    const one = await app.call('POST', '/v1/usage-events/void', {
      usage_event_id: 'named-1',
      source: 'named',
      reason: 'again',
    });
    expect(one.body).toMatchObject({ reason: 'x', effect: { value: '-2' } });
  });

  it.each([
    [{ reason: 'x' }, '/filter'],
    [{ filter: {}, reason: 'x' }, '/filter'],
    [{ filter: { nothing: 1 }, reason: 'x' }, '/filter/nothing'],
    [{ filter: { from: 'yesterday' }, reason: 'x' }, '/filter/from'],
    [{ filter: { usage_event_ids: [] }, reason: 'x' }, '/filter/usage_event_ids'],
    [{ filter: { source: '' } }, '/reason'],
  ])('is refused as %j', async (body, pointer) => {
    const refused = await app.call('POST', '/v1/voids', body);
    expect([refused.status, refused.body.errors?.[0].pointer]).toEqual([422, pointer]);
  });

  it('must be known to be asked about, and its customer to be voided', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    expect((await app.call('GET', `/v1/voids/${id}`)).body.code).toBe('void_not_found');
    const body = { filter: { customer_id: 'nobody' }, reason: 'x' };
    expect((await app.call('POST', '/v1/voids', body)).status).toBe(404);
  });
});
