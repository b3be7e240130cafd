import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
const post = (fields: Record<string, unknown>) => app.call('POST', '/v1/usage-events', fields);
const statement = async (customer: string, meter: string, start: string) =>
  (await app.call('GET', `/v1/customers/${customer}/billing-periods/${start}?meter=${meter}`)).body;
const close = async (body: Record<string, unknown> = {}) =>
  (await app.call('POST', '/v1/period-closes', body)).body;

let ids = 0;
const usage = (customer: string, meter: string, at: string, quantity = '1', properties = {}) =>
  post({
    usage_event_id: `e-${++ids}`,
    customer_id: customer,
    meter,
    quantity,
    occurred_at: at,
    properties,
  });

const SEPTEMBER = '2026-09-01T00:00:00.000Z';
const OCTOBER = '2026-10-01T00:00:00.000Z';
const NOVEMBER = '2026-11-01T00:00:00.000Z';

beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-11-10T12:00:00Z' });
  for (const [key, body] of Object.entries({
    total: { aggregation: 'sum' },
    calls: { aggregation: 'count', event_types: ['total'] },
    peak: { aggregation: 'max' },
    level: { aggregation: 'last', carry_last: true },
    people: { aggregation: 'unique_count', unique_property: 'user' },
  })) {
    expect((await app.call('PUT', `/v1/meters/${key}`, body)).status).toBe(201);
  }
});
afterAll(() => app[Symbol.asyncDispose]());

describe('a statement', () => {
  it('says the sum, the count, the maximum, the last value and the distinct values', async () => {
    for (const [at, quantity, user] of [
      ['2026-10-05T00:00:00Z', '10.5', 'a'],
      ['2026-10-31T23:59:59.999999Z', '2', 'b'],
      ['2026-10-20T00:00:00Z', '30', 'a'],
    ] as const) {
      for (const meter of ['total', 'peak', 'level', 'people'])
        await usage('all', meter, at, quantity, { user });
    }
    await usage('all', 'total', NOVEMBER, '100');
    await close({ customer_id: 'all', as_of: NOVEMBER });

    const values = await Promise.all(
      ['total', 'calls', 'peak', 'level', 'people'].map(
        async (meter) => (await statement('all', meter, OCTOBER)).value,
      ),
    );
    expect(values).toEqual(['42.5', '3', '30', '2', '2']);
    expect(await statement('all', 'total', OCTOBER)).toMatchObject({
      status: 'closed',
      closed_at: expect.any(String),
      event_count: 3,
      carried_in: '0',
      carried_out: '0',
    });
    expect(await statement('all', 'total', NOVEMBER)).toMatchObject({
      status: 'open',
      value: '100',
      closed_at: null,
    });
  });

  it('has a digest that anyone can make from its entries', async () => {
    const events = await app.call(
      'GET',
      `/v1/customers/all/billing-periods/${OCTOBER}/usage-events?meter=total`,
    );
    const { rows } = await app.pool.query(
      `SELECT e.event_key, e.usage_event_id FROM usage_event e WHERE usage_event_id = ANY ($1)`,
      [events.body.data.map((event: { usage_event_id: string }) => event.usage_event_id)],
    );
    const sum = events.body.data.reduce((total: bigint, event: any) => {
      const key = rows.find((row) => row.usage_event_id === event.usage_event_id).event_key;
      const text = JSON.stringify([
        key,
        'total',
        '2026-10-01T00:00:00.000000Z',
        event.quantity,
        '0',
      ]);
      return total + BigInt(`0x${createHash('sha256').update(text).digest('hex')}`);
    }, 0n);
    const digest = createHash('sha256')
      .update(JSON.stringify(['3', String(sum % 2n ** 256n)]))
      .digest('hex');
    expect((await statement('all', 'total', OCTOBER)).digest).toBe(digest);
  });

  it('adds up from the events behind it', async () => {
    const events = await app.call(
      'GET',
      `/v1/customers/all/billing-periods/${OCTOBER}/usage-events?meter=total&limit=2`,
    );
    expect(events.body.data).toHaveLength(2);
    const rest = await app.call(
      'GET',
      `/v1/customers/all/billing-periods/${OCTOBER}/usage-events?meter=total&cursor=${events.body.next_cursor}`,
    );
    const quantities = [...events.body.data, ...rest.body.data].map((event: any) =>
      Number(event.quantity),
    );
    expect(quantities.reduce((a, b) => a + b)).toBe(42.5);
    expect(rest.body.next_cursor).toBeNull();
  });
});

describe('the billing periods of a customer', () => {
  it('name the customer by its own id, also where an alias was asked for', async () => {
    await app.call('PUT', '/v1/customers/owner', { aliases: ['nickname'] });
    await usage('nickname', 'total', '2026-10-10T00:00:00Z');
    expect((await statement('nickname', 'total', OCTOBER)).customer_id).toBe('owner');
    const list = await app.call('GET', '/v1/customers/nickname/billing-periods?meter=total');
    expect(list.body.data.map((each: any) => each.customer_id)).toEqual(['owner']);
  });

  it.each([
    ['', ['x', 'y']],
    ['', ['2026-11-01T00:00:00Z', 'x']],
    ['', ['2026-11-01T00:00:00.000000Z', '999999999999']],
    [`/${OCTOBER}/usage-events`, ['x', 'y']],
    [`/${OCTOBER}/usage-events`, ['2026-11-01T00:00:00.000000Z', 'x']],
  ])('are refused (%s) after the cursor %j', async (path, key) => {
    for (const day of ['10-10', '10-11', '11-01'])
      await usage('paged', 'total', `2026-${day}T00:00:00Z`);
    const list = `/v1/customers/paged/billing-periods${path}?meter=total`;
    const { next_cursor: given } = (await app.call('GET', `${list}&limit=1`)).body;
    const [of] = JSON.parse(Buffer.from(given, 'base64url').toString());
    const cursor = Buffer.from(JSON.stringify([of, ...key])).toString('base64url');
    const refused = await app.call('GET', `${list}&cursor=${cursor}`);
    expect([refused.status, refused.body.code]).toEqual([422, 'invalid_cursor']);
  });

  it('are led through one by one', async () => {
    for (const month of ['10', '11']) {
      await usage('leafed', 'total', `2026-${month}-03T00:00:00Z`);
    }
    const starts: string[] = [];
    let next = '';
    do {
      const path = `/v1/customers/leafed/billing-periods?limit=1${next}`;
      const { data, next_cursor } = (await app.call('GET', path)).body;
      starts.push(...data.map((each: any) => `${each.meter} ${each.period_start.slice(0, 7)}`));
      next = next_cursor === null ? '' : `&cursor=${next_cursor}`;
    } while (next !== '');
    expect(starts.sort()).toEqual(
      ['calls', 'total'].flatMap((m) => ['10', '11'].map((month) => `${m} 2026-${month}`)),
    );
  });
});

describe('closing', () => {
  it('is refused ahead of now and does nothing in a rehearsal', async () => {
    const ahead = await app.call('POST', '/v1/period-closes', { as_of: '2026-11-10T13:00:00Z' });
    expect(ahead).toMatchObject({ status: 422, body: { code: 'as_of_in_future' } });

    await usage('rehearsed', 'total', '2026-10-10T00:00:00Z');
    expect(await close({ customer_id: 'rehearsed', dry_run: true })).toMatchObject({
      dry_run: true,
      closed: 2,
    });
    expect((await statement('rehearsed', 'total', OCTOBER)).status).toBe('ended');
  });

  it.each([
    ['null', { 'content-type': 'application/json' }, 422, 'validation_failed'],
    ['[]', { 'content-type': 'application/json' }, 422, 'validation_failed'],
    ['', { 'content-type': 'application/json' }, 400, 'empty_body'],
    [undefined, {}, 400, 'empty_body'],
  ])('of everything is not what %j asks for', async (body, headers, status, code) => {
    await usage('kept-open', 'total', '2026-10-10T00:00:00Z');
    const refused = await app.call('POST', '/v1/period-closes', body, headers);
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    expect((await statement('kept-open', 'total', OCTOBER)).status).toBe('ended');
  });

  it('takes the customer and the meter it is told, and no other', async () => {
    for (const customer of ['one', 'other'])
      for (const meter of ['total', 'peak']) await usage(customer, meter, '2026-10-03T00:00:00Z');
    await close({ customer_id: 'one', meter: 'total' });
    const status = async (customer: string, meter: string) =>
      (await statement(customer, meter, OCTOBER)).status;
    expect(await status('one', 'total')).toBe('closed');
    expect(await status('one', 'calls')).toBe('ended');
    expect(await status('one', 'peak')).toBe('ended');
    expect(await status('other', 'total')).toBe('ended');
  });

  it('names an unknown customer, meter or close', async () => {
    expect((await app.call('POST', '/v1/period-closes', { customer_id: 'nobody' })).body.code).toBe(
      'customer_not_found',
    );
    expect((await app.call('POST', '/v1/period-closes', { meter: 'nothing' })).body.code).toBe(
      'meter_not_found',
    );
    expect((await app.call('GET', '/v1/period-closes/x')).status).toBe(404);
    expect(
      (await app.call('GET', '/v1/period-closes/00000000-0000-4000-8000-000000000000')).status,
    ).toBe(404);
    expect((await app.call('POST', '/v1/period-closes', { as_of: 'soon' })).status).toBe(422);
  });
});

describe('late usage', () => {
  it('is carried into the earliest period that is not closed, and both statements say so', async () => {
    await usage('late', 'total', '2026-10-03T00:00:00Z', '5');
    await close({ customer_id: 'late', as_of: NOVEMBER });
    const answer = await usage('late', 'total', '2026-10-04T00:00:00Z', '7');
    expect(answer.body).toMatchObject({
      status: 'accepted',
      late: true,
      billed_period_start: NOVEMBER,
    });

    expect(await statement('late', 'total', OCTOBER)).toMatchObject({
      value: '5',
      carried_out: '7',
      event_count: 1,
    });
    expect(await statement('late', 'total', NOVEMBER)).toMatchObject({
      value: '7',
      carried_in: '7',
      event_count: 1,
    });
    const usageByDay = await app.call(
      'GET',
      '/v1/usage?meter=total&customer_id=late&window=day&from=2026-10-03T00:00:00Z&to=2026-10-05T00:00:00Z',
    );
    expect(usageByDay.body.data.map((row: any) => row.value)).toEqual(['5', '7']);
    const byPeriod = await app.call('GET', '/v1/usage?meter=total&customer_id=late&window=period');
    expect(byPeriod.body.data.map((row: any) => [row.window_start, row.value])).toEqual([
      [OCTOBER, '5'],
      [NOVEMBER, '7'],
    ]);
    const list = await app.call('GET', '/v1/usage-events?customer_id=late&late=true');
    expect(list.body.data).toHaveLength(1);
  });

  it('of a period that nothing was ever recorded in is late as well', async () => {
    await usage('quiet', 'total', '2026-11-02T00:00:00Z');
    await close({ customer_id: 'quiet', as_of: NOVEMBER });
    const answer = await usage('quiet', 'total', '2026-09-15T00:00:00Z', '3');
    expect(answer.body).toMatchObject({ late: true, billed_period_start: NOVEMBER });
    expect(await statement('quiet', 'total', NOVEMBER)).toMatchObject({
      value: '4',
      carried_in: '3',
    });
  });

  it('at the exact boundary is decided by the microsecond', async () => {
    await usage('edge', 'total', '2026-10-30T00:00:00Z');
    await close({ customer_id: 'edge', as_of: NOVEMBER });
    expect((await usage('edge', 'total', '2026-10-31T23:59:59.999999Z')).body.late).toBe(true);
    expect((await usage('edge', 'total', '2026-11-01T00:00:00Z')).body.late).toBeUndefined();
  });

  it('without a time of its own is never late at birth', async () => {
    await close({ customer_id: 'edge' });
    const answer = await post({
      usage_event_id: `e-${++ids}`,
      customer_id: 'edge',
      meter: 'total',
      quantity: 1,
    });
    expect(answer.body).toMatchObject({ status: 'accepted' });
    expect(answer.body.late).toBeUndefined();
  });

  it('of a maximum waits for an amendment, in sight and unbilled', async () => {
    await usage('peaky', 'peak', '2026-10-03T00:00:00Z', '7');
    await close({ customer_id: 'peaky', as_of: NOVEMBER });
    const answer = await usage('peaky', 'peak', '2026-10-04T00:00:00Z', '50');
    expect(answer.body).toMatchObject({ late: true, billed_period_start: OCTOBER });
    expect(await statement('peaky', 'peak', OCTOBER)).toMatchObject({
      value: '7',
      event_count: 1,
      amendments: [{ status: 'pending', event_count: 1 }],
    });
  });

  it('is rejected where the meter says so', async () => {
    await app.call('PUT', '/v1/meters/strict', { aggregation: 'sum', late_usage: 'reject' });
    await usage('late', 'strict', '2026-11-02T00:00:00Z');
    const answer = await usage('late', 'strict', '2026-10-04T00:00:00Z');
    expect(answer).toMatchObject({ status: 422, body: { code: 'late_usage_rejected' } });
  });
});

describe('a last meter that carries over', () => {
  it('starts an empty period with the value before', async () => {
    await usage('carry', 'level', '2026-08-20T00:00:00Z', '8');
    await close({ customer_id: 'carry', as_of: NOVEMBER });
    expect(await statement('carry', 'level', '2026-08-01T00:00:00Z')).toMatchObject({
      value: '8',
      carried_in: '0',
    });
    expect(await statement('carry', 'level', SEPTEMBER)).toMatchObject({
      status: 'closed',
      value: '8',
      carried_in: '8',
      event_count: 0,
    });
    expect(await statement('carry', 'level', OCTOBER)).toMatchObject({
      status: 'closed',
      value: '8',
      carried_in: '8',
    });
    expect(await statement('carry', 'level', NOVEMBER)).toMatchObject({
      status: 'open',
      value: '8',
    });
    await usage('carry', 'level', '2026-11-05T00:00:00Z', '3');
    expect(await statement('carry', 'level', NOVEMBER)).toMatchObject({
      value: '3',
      carried_in: '0',
    });
  });

  it('starts a period whose usage was all voided so too, closed together with the one before', async () => {
    await usage('voided', 'level', '2026-08-20T00:00:00Z', '8');
    for (const at of ['2026-09-20T00:00:00Z', '2026-11-05T00:00:00Z']) {
      const { usage_event_id } = (await usage('voided', 'level', at, '3')).body;
      await app.call('POST', '/v1/usage-events/void', { usage_event_id, reason: 'wrong' });
    }
    await close({ customer_id: 'voided', as_of: NOVEMBER });

    for (const start of [SEPTEMBER, OCTOBER, NOVEMBER]) {
      expect(await statement('voided', 'level', start)).toMatchObject({
        value: '8',
        carried_in: '8',
        event_count: 0,
      });
    }
  });
});

describe('usage before billing_starts_at', () => {
  it('is shown, but in no statement and never late', async () => {
    await app.call('PUT', '/v1/meters/trial', {
      aggregation: 'sum',
      billing_starts_at: '2026-10-15T00:00:00Z',
    });
    const before = await usage('trial', 'trial', '2026-10-14T23:59:59Z', '5');
    await usage('trial', 'trial', '2026-10-15T00:00:00Z', '2');
    await close({ customer_id: 'trial', as_of: NOVEMBER });
    const after = await usage('trial', 'trial', '2026-10-01T00:00:00Z', '1');

    expect(after.body.late).toBeUndefined();
    expect(await statement('trial', 'trial', OCTOBER)).toMatchObject({
      value: '2',
      event_count: 1,
    });
    const total = await app.call('GET', '/v1/usage?meter=trial&customer_id=trial');
    expect(total.body.data[0].value).toBe('8');
    const event = await app.call('GET', `/v1/usage-events/${before.body.usage_event_id}`);
    expect(event.body.meters[0].billable).toBe(false);
  });
});

describe('a changed schedule', () => {
  it('moves the usage of a customer that nothing was billed of at once', async () => {
    await usage('mover', 'total', '2026-10-10T00:00:00Z', '1');
    await usage('mover', 'total', '2026-10-20T00:00:00Z', '2');
    await usage('mover', 'people', '2026-10-20T00:00:00Z', '2', { user: 'u' });
    const put = await app.call('PUT', '/v1/customers/mover', {
      billing_period: { interval: 'month', anchor: '2026-01-15T00:00:00Z' },
    });
    expect(put.status).toBe(200);

    expect(await statement('mover', 'total', '2026-09-15T00:00:00Z')).toMatchObject({
      value: '1',
      period_end: '2026-10-15T00:00:00.000Z',
    });
    expect(await statement('mover', 'total', '2026-10-15T00:00:00Z')).toMatchObject({ value: '2' });
    expect(await statement('mover', 'people', '2026-10-15T00:00:00Z')).toMatchObject({
      value: '1',
    });
    expect((await statement('mover', 'total', OCTOBER)).code).toBe('billing_period_not_found');
    const { rows } = await app.pool.query(
      `SELECT count(*)::int AS n FROM usage_entry WHERE kind = 'moved'`,
    );
    // Two in total and in calls each, one in people.
    expect(rows[0].n).toBe(5);
    await usage('mover', 'total', '2026-10-21T00:00:00Z', '4');
    expect((await statement('mover', 'total', '2026-10-15T00:00:00Z')).value).toBe('6');
  });

  it('carries into an open period what the new schedule puts into one that is closed', async () => {
    await app.call('PUT', '/v1/customers/newcomer', { name: 'N' });
    await close({ customer_id: 'newcomer', as_of: '2026-11-08T00:00:00Z' });
    await usage('newcomer', 'total', '2026-11-05T00:00:00Z', '3');
    await usage('newcomer', 'total', '2026-11-09T00:00:00Z', '4');
    await app.call('PUT', '/v1/customers/newcomer', { billing_period: { interval: 'day' } });

    expect(await statement('newcomer', 'total', '2026-11-08T00:00:00Z')).toMatchObject({
      value: '3',
      carried_in: '3',
    });
    expect(await statement('newcomer', 'total', '2026-11-09T00:00:00Z')).toMatchObject({
      value: '4',
      carried_in: '0',
    });
  });

  it('waits for the end of the open period where something was closed', async () => {
    await usage('stayer', 'total', '2026-10-10T00:00:00Z');
    await close({ customer_id: 'stayer', as_of: NOVEMBER });
    await app.call('PUT', '/v1/customers/stayer', { billing_period: { interval: 'week' } });
    await usage('stayer', 'total', '2026-11-09T00:00:00Z', '2');
    expect(await statement('stayer', 'total', NOVEMBER)).toMatchObject({
      value: '2',
      period_end: '2026-12-01T00:00:00.000Z',
    });
  });
});

// The last: it closes for every customer.
describe('closing for all', () => {
  it('does it once, however often it is asked for, at once or again', async () => {
    for (let i = 0; i < 30; i++) await usage(`many-${i}`, 'total', '2026-09-10T00:00:00Z');
    // In each of two meters: total and calls.
    const closes = await Promise.all(Array.from({ length: 6 }, () => close({ as_of: OCTOBER })));
    expect(closes.every((each) => each.status === 'finished')).toBe(true);
    expect(closes.reduce((sum, each) => sum + each.closed, 0)).toBe(60);
    expect(closes.reduce((sum, each) => sum + each.pushes, 0)).toBe(60);
    expect(await close({ as_of: OCTOBER })).toMatchObject({
      closed: 0,
      pushes: 0,
      already_closed: expect.toSatisfy((n: number) => n >= 60),
    });
  });
});
