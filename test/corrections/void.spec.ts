import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
const OCTOBER = '2026-10-01T00:00:00.000Z';
const NOVEMBER = '2026-11-01T00:00:00.000Z';

let ids = 0;
async function usage(
  customer: string,
  meter: string,
  at: string,
  quantity = '1',
  properties = {},
): Promise<string> {
  const id = `e-${++ids}`;
  const event = {
    usage_event_id: id,
    customer_id: customer,
    meter,
    quantity,
    occurred_at: at,
    properties,
  };
  expect((await app.call('POST', '/v1/usage-events', event)).status).toBe(201);
  return id;
}
const post = (body: Record<string, unknown>) => app.call('POST', '/v1/usage-events/void', body);
const voided = async (id: string) =>
  (await post({ usage_event_id: id, reason: 'sent by mistake' })).body;
const statement = async (customer: string, meter: string, start: string) =>
  (await app.call('GET', `/v1/customers/${customer}/billing-periods/${start}?meter=${meter}`)).body;
const close = (customer: string) =>
  app.call('POST', '/v1/period-closes', { customer_id: customer, as_of: NOVEMBER });
const total = async (customer: string, meter: string) =>
  (await app.call('GET', `/v1/usage?meter=${meter}&customer_id=${customer}`)).body.data[0]?.value;

beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-11-10T12:00:00Z' });
  for (const [key, body] of Object.entries({
    total: { aggregation: 'sum' },
    calls: { aggregation: 'count', event_types: ['total'] },
    amended: { aggregation: 'sum', late_usage: 'amend' },
    strict: { aggregation: 'sum', late_usage: 'reject' },
    peak: { aggregation: 'max' },
    level: { aggregation: 'last', carry_last: true },
    people: { aggregation: 'unique_count', unique_property: 'user' },
    later: { aggregation: 'max', billing_starts_at: '2026-11-05T00:00:00Z' },
  })) {
    expect((await app.call('PUT', `/v1/meters/${key}`, body)).status).toBe(201);
  }
});
afterAll(() => app[Symbol.asyncDispose]());

describe('a void in an open period', () => {
  it('takes the event out of every meter that it counts in', async () => {
    const first = await usage('open', 'total', '2026-11-02T10:00:00Z', '10.5');
    await usage('open', 'total', '2026-11-02T10:01:00Z', '2');
    const answer = await post({ usage_event_id: first, reason: 'sent by mistake' });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      usage_event_id: first,
      source: '',
      voided_at: expect.any(String),
      reason: 'sent by mistake',
      effect: { meter: 'total', period_start: NOVEMBER, kind: 'open', value: '-10.5' },
      effects: [
        { meter: 'calls', period_start: NOVEMBER, kind: 'open', value: '-1' },
        { meter: 'total', period_start: NOVEMBER, kind: 'open', value: '-10.5' },
      ],
      replacement: null,
    });
    expect(await statement('open', 'total', NOVEMBER)).toMatchObject({
      value: '2',
      event_count: 1,
    });
    expect(await statement('open', 'calls', NOVEMBER)).toMatchObject({
      value: '1',
      event_count: 1,
    });
    expect(await total('open', 'total')).toBe('2');
  });

  it.each([
    ['peak', '30', '-28', '2'],
    ['level', '30', '-28', '2'],
    ['people', '1', '-1', '1'],
  ])('finds anew what %s comes to', async (meter, quantity, value, rest) => {
    const customer = `open-${meter}`;
    await usage(customer, meter, '2026-11-02T10:00:00Z', '2', { user: 'a' });
    const id = await usage(customer, meter, '2026-11-02T10:01:00Z', quantity, { user: 'b' });
    await usage(customer, meter, '2026-11-02T09:01:00Z', '1', { user: 'a' });
    expect((await voided(id)).effect).toEqual({
      meter,
      period_start: NOVEMBER,
      kind: 'open',
      value,
    });
    expect(await statement(customer, meter, NOVEMBER)).toMatchObject({
      value: rest,
      event_count: 2,
    });
    expect(await total(customer, meter)).toBe(rest);
  });

  it.each(['total', 'peak', 'level', 'people'])('of all there is leaves %s at 0', async (meter) => {
    const id = await usage(`none-${meter}`, meter, '2026-11-02T10:00:00Z', '2', { user: 'a' });
    await voided(id);
    expect(await statement(`none-${meter}`, meter, NOVEMBER)).toMatchObject({
      value: '0',
      event_count: 0,
    });
    expect(await total(`none-${meter}`, meter)).toBeUndefined();
  });

  it('of what is not billed has no effect on a bill', async () => {
    await usage('free', 'later', '2026-11-02T10:00:00Z', '2');
    const id = await usage('free', 'later', '2026-11-02T10:01:00Z', '5');
    expect((await voided(id)).effect).toEqual({
      meter: 'later',
      period_start: NOVEMBER,
      kind: 'open',
      value: '0',
    });
    expect(await total('free', 'later')).toBe('2');
  });
});

describe('a void in a closed period', () => {
  it.each([
    ['total', '-5'],
    ['strict', '-5'],
  ])('is carried into the open one where %s adds up', async (meter, value) => {
    const customer = `closed-${meter}`;
    const id = await usage(customer, meter, '2026-10-05T00:00:00Z', '5');
    await usage(customer, meter, '2026-10-06T00:00:00Z', '7');
    await close(customer);
    const before = await statement(customer, meter, OCTOBER);
    expect((await voided(id)).effect).toEqual({
      meter,
      period_start: NOVEMBER,
      kind: 'carried',
      value,
    });
    expect(await statement(customer, meter, OCTOBER)).toEqual({ ...before, carried_out: '-5' });
    expect(await statement(customer, meter, NOVEMBER)).toMatchObject({
      value: '-5',
      carried_in: '-5',
      event_count: -1,
    });
    expect(await total(customer, meter)).toBe('7');
  });

  it.each([
    ['amended', '5', '-5', '7', '2'],
    ['peak', '5', '-3', '5', '2'],
    ['level', '5', '-3', '5', '2'],
    ['people', '5', '-1', '2', '1'],
  ])('amends the statement of %s', async (meter, quantity, value, frozen, rest) => {
    const customer = `closed-${meter}`;
    await usage(customer, meter, '2026-10-05T00:00:00Z', '2', { user: 'a' });
    const id = await usage(customer, meter, '2026-10-05T00:01:00Z', quantity, { user: 'b' });
    await close(customer);
    const before = await statement(customer, meter, OCTOBER);
    expect(before.value).toBe(frozen);
    expect((await voided(id)).effect).toEqual({
      meter,
      period_start: OCTOBER,
      kind: 'amendment',
      value,
    });
    const after = await statement(customer, meter, OCTOBER);
    expect(after).toMatchObject({ value: frozen, digest: before.digest, event_count: 2 });
    expect(after.amendments).toMatchObject([{ revision: 1, value, event_count: -1 }]);
    expect(await total(customer, meter)).toBe(rest);
  });
});

describe('the same event', () => {
  it('is voided once, and a copy of it stays one', async () => {
    const event = {
      usage_event_id: 'again',
      source: 'crm',
      customer_id: 'again',
      meter: 'total',
      quantity: '3',
    };
    await app.call('POST', '/v1/usage-events', event);
    const body = { usage_event_id: 'again', source: 'crm', reason: 'first' };
    const [first, ...others] = await Promise.all([1, 2, 3, 4, 5, 6].map(() => post(body)));
    expect(first!.status).toBe(200);
    for (const other of others) expect(other.body).toEqual(first!.body);
    expect((await post({ ...body, reason: 'second' })).body).toEqual(first!.body);
    expect(await total('again', 'total')).toBeUndefined();

    const copy = await app.call('POST', '/v1/usage-events', event);
    expect([copy.status, copy.body.status]).toEqual([200, 'duplicate']);
    expect(await total('again', 'total')).toBeUndefined();
  });

  it('is shown with why it was voided, and found by it', async () => {
    const id = await usage('shown', 'total', '2026-11-02T10:00:00Z', '3');
    await usage('shown', 'total', '2026-11-02T10:00:00Z', '4');
    const answer = await voided(id);
    const list = async (filter: string) =>
      (await app.call('GET', `/v1/usage-events?customer_id=shown&${filter}`)).body.data;
    expect(await list('voided=true')).toMatchObject([
      {
        usage_event_id: id,
        voided: true,
        void: {
          voided_at: answer.voided_at,
          reason: 'sent by mistake',
          effects: answer.effects,
          replacement: null,
        },
        meters: [
          { meter: 'total', value: '3', voided: true },
          { meter: 'calls', value: '1', voided: true },
        ],
      },
    ]);
    expect(await list('voided=false')).toMatchObject([
      { quantity: '4', voided: false, void: null },
    ]);
    for (const filter of ['voided=1', 'late=1', 'late=TRUE', 'late=']) {
      const refused = await app.call('GET', `/v1/usage-events?customer_id=shown&${filter}`);
      expect([refused.status, refused.body.code]).toEqual([422, 'validation_failed']);
    }
  });

  it('must be known', async () => {
    const unknown = await post({ usage_event_id: 'nobody', reason: 'x' });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'usage_event_not_found']);
  });

  it.each([
    [{ reason: 'x' }, '/usage_event_id'],
    [{ usage_event_id: 'e-1' }, '/reason'],
    [{ usage_event_id: 'e-1', reason: '' }, '/reason'],
    [{ usage_event_id: 'e-1', reason: 'x', source: 1 }, '/source'],
    [{ usage_event_id: 'e-1', reason: 'x', replacement: [] }, '/replacement'],
    [{ usage_event_id: 'e-1', reason: 'x', other: 1 }, '/other'],
  ])('is not voided by %j', async (body, pointer) => {
    const refused = await post(body);
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0].pointer).toBe(pointer);
  });
});

describe('a replacement', () => {
  const of = (id: string, more: Record<string, unknown> = {}) => ({
    usage_event_id: id,
    customer_id: 'replaced',
    meter: 'total',
    quantity: '8',
    occurred_at: '2026-11-02T10:00:00Z',
    ...more,
  });

  it('is recorded with the void, once', async () => {
    const id = await usage('replaced', 'total', '2026-11-02T10:00:00Z', '80');
    const body = { usage_event_id: id, reason: 'too much', replacement: of('r-1') };
    const answer = await post(body);
    expect(answer.body.replacement).toEqual({
      usage_event_id: 'r-1',
      source: '',
      status: 'accepted',
    });
    expect((await post(body)).body).toEqual(answer.body);
    expect((await post({ usage_event_id: id, reason: 'x' })).body).toEqual(answer.body);
    expect(await total('replaced', 'total')).toBe('8');
    const other = await post({ ...body, replacement: of('r-2') });
    expect([other.status, other.body.code]).toEqual([409, 'usage_event_already_voided']);
    expect(await total('replaced', 'total')).toBe('8');
  });

  it.each([
    ['its own id', { usage_event_id: 'self' }, 422, 'validation_failed'],
    ['an unknown meter', { meter: 'nothing' }, 422, 'unknown_meter'],
    ['no quantity', { quantity: undefined }, 422, 'quantity_required'],
    ['an unknown field', { price: 1 }, 422, 'validation_failed'],
    ['an id that is taken', { usage_event_id: 'taken' }, 409, 'usage_event_conflict'],
  ])('with %s leaves all as it was', async (_, more, status, code) => {
    await app.call('POST', '/v1/usage-events', of('taken', { quantity: '1' }));
    await app.call('POST', '/v1/usage-events', of('self'));
    const refused = await post({
      usage_event_id: 'self',
      reason: 'x',
      replacement: of('r-3', more),
    });
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    const kept = await app.call('GET', '/v1/usage-events/self');
    expect(kept.body.voided).toBe(false);
    expect((await app.call('GET', '/v1/usage-events/r-3')).status).toBe(404);
  });
});
