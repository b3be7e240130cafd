import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import Stripe from 'stripe';
import { DAY, errorOf, HOUR, NOON, openSandbox, post, type Sandbox } from './support/sandbox.js';

const PATH = '/v2/billing/meter_events';
const AT_NOON = '2026-10-30T12:00:00.000Z';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await openSandbox();
});
afterEach(() => sandbox.simulator.stop());

interface Params {
  identifier?: string;
  timestamp?: string;
  event_name?: string;
  payload?: Record<string, string>;
}

function create(value: string, params: Params = {}, idempotencyKey?: string) {
  const payload = { stripe_customer_id: sandbox.customer, value };
  return sandbox.stripe.v2.billing.meterEvents.create(
    { event_name: 'requests', payload, ...params },
    idempotencyKey === undefined ? {} : { idempotencyKey },
  );
}

function postJson(body: string, headers: Record<string, string> = {}): Promise<Response> {
  const json = { 'Content-Type': 'application/json', ...headers };
  return post(sandbox.simulator, PATH, body, json);
}

describe('a v2 meter event', () => {
  it('is answered with RFC 3339 instants, and counts', async () => {
    const event = await create('5', { identifier: 'a', timestamp: '2026-10-30T13:59:59.5+02:00' });
    expect(event).toMatchObject({
      object: 'v2.billing.meter_event',
      created: AT_NOON,
      event_name: 'requests',
      identifier: 'a',
      livemode: false,
      payload: { stripe_customer_id: sandbox.customer, value: '5' },
      timestamp: '2026-10-30T11:59:59.500Z',
    });
    expect(await sandbox.counted()).toBe(5);
    expect(sandbox.simulator.ledger()).toMatchObject([{ timestamp: NOON - 0.5 }]);
  });

  it('is of now, and gets an identifier, when it names neither', async () => {
    const event = await create('5');
    expect(event.timestamp).toBe(AT_NOON);
    expect(event.identifier).not.toBe('');
  });

  it('takes part in one memory of identifiers with v1', async () => {
    await sandbox.send('5', { identifier: 'a' });
    expect(await errorOf(create('5', { identifier: 'a' }))).toMatchObject({
      statusCode: 400,
      code: 'duplicate_meter_event',
    });
    await create('5', { identifier: 'b' });
    expect((await errorOf(sandbox.send('5', { identifier: 'b' }))).message).toMatch(
      /already exists/,
    );
    expect(await sandbox.counted()).toBe(10);
  });

  it('may be asked to be a positive integer, as under v1', async () => {
    await create('0.5');
    sandbox.simulator.setSwitches({ acceptedValues: 'positive_integer' });
    for (const value of ['0.5', '-1', '0']) {
      expect((await errorOf(create(value))).code).toBe('payload_invalid_value');
      expect((await errorOf(sandbox.send(value))).statusCode).toBe(400);
    }
    await create('1');
    expect(await sandbox.counted()).toBe(1.5);
  });
});

describe('a refusal under v2', () => {
  const noMeter = { event_name: 'none' };
  it.each<[string, Params, string]>([
    ['no_meter', noMeter, 'A meter must exist to submit events.'],
    [
      'payload_no_customer_defined',
      { payload: { value: '5' } },
      'The payload must have a reference to the customer.',
    ],
    [
      'payload_no_value_defined',
      { payload: { stripe_customer_id: 'own' } },
      'The payload must have a value.',
    ],
    [
      'payload_invalid_value',
      { payload: { stripe_customer_id: 'own', value: '1e3' } },
      'The value must be a positive integer.',
    ],
  ])('has the code %s and no type', async (code, { payload, ...params }, message) => {
    const own = payload?.['stripe_customer_id'] && { stripe_customer_id: sandbox.customer };
    const body = { event_name: 'requests', ...params, payload: { ...payload, ...own } };
    const response = await postJson(JSON.stringify(body));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: { code, message } });
    expect(sandbox.simulator.rejections()).toEqual([]);
  });

  it('tells of an inactive meter', async () => {
    await sandbox.stripe.billing.meters.deactivate(sandbox.meter.id);
    expect((await errorOf(create('5'))).code).toBe('archived_meter');
  });

  it('leaves an unknown customer to an error report when v1 would', async () => {
    sandbox.simulator.setSwitches({ unknownCustomer: 'async' });
    await create('5', { payload: { stripe_customer_id: 'cus_none', value: '5' } });
    expect(sandbox.simulator.rejections()).toMatchObject([
      { code: 'meter_event_customer_not_found' },
    ]);
  });

  it.each([
    ['a number for a text', '{"event_name":"requests","payload":{"value":5}}'],
    ['no JSON', '{'],
    ['no object', '[]'],
    ['a missing member', '{"event_name":"requests"}'],
    ['an unknown member', '{"event_name":"requests","payload":{},"value":"5"}'],
    ['unix seconds', '{"event_name":"requests","payload":{},"timestamp":"1793361600"}'],
  ])('answers %s with invalid_fields', async (_case, body) => {
    const response = await postJson(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_fields' } });
  });

  it.each([
    ['-35 days', NOON - 35 * DAY, 200],
    ['before that', NOON - 35 * DAY - 0.001, 400],
    ['+5 minutes', NOON + 300, 200],
    ['after that', NOON + 300.001, 400],
  ])('follows the limits of timestamps: %s', async (_case, seconds, status) => {
    const payload = { stripe_customer_id: sandbox.customer, value: '1' };
    const timestamp = new Date(seconds * 1000).toISOString();
    const response = await postJson(JSON.stringify({ event_name: 'requests', payload, timestamp }));
    expect(response.status).toBe(status);
  });

  it('meets a second request in flight for one customer and meter', async () => {
    sandbox.simulator.setSwitches({ processingMs: 300 });
    const outcomes = await Promise.allSettled([create('1'), create('1')]);
    const [refusal] = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refusal).toBeInstanceOf(Stripe.errors.StripeAPIError);
    expect(refusal).toMatchObject({ statusCode: 409, code: 'too_many_concurrent_requests' });
  });

  it('may be for want of a version', async () => {
    const body = JSON.stringify({ event_name: 'none', payload: {} });
    expect(await (await postJson(body)).json()).toMatchObject({ error: { code: 'no_meter' } });
    sandbox.simulator.setSwitches({ v2WithoutVersion: 'reject' });
    expect((await postJson(body)).status).toBe(400);
    await create('5');
    expect(await sandbox.counted()).toBe(5);
  });
});

describe('a v2 adjustment', () => {
  const cancel = (identifier: string) =>
    sandbox.stripe.v2.billing.meterEventAdjustments.create({
      cancel: { identifier },
      event_name: 'requests',
      type: 'cancel',
    });

  it('has an id, and takes the event back', async () => {
    await create('5', { identifier: 'a' });
    const { id, ...adjustment } = await cancel('a');
    expect(id).toMatch(/^mtr_adj_test_/);
    expect(adjustment).toMatchObject({
      object: 'v2.billing.meter_event_adjustment',
      created: AT_NOON,
      cancel: { identifier: 'a' },
      status: 'complete',
    });
    expect(await sandbox.counted()).toBe(0);
  });

  it('is refused with its code after 24 hours', async () => {
    await create('5', { identifier: 'a' });
    sandbox.simulator.advanceClock(24 * HOUR);
    expect((await errorOf(cancel('a'))).code).toBe('invalid_cancel_configuration');
    expect(await sandbox.counted()).toBe(5);
  });
});
