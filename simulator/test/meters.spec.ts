import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import { errorOf, NOON, openSandbox, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
let meters: Stripe['billing']['meters'];
beforeEach(async () => {
  sandbox = await openSandbox();
  meters = sandbox.stripe.billing.meters;
});
afterEach(() => sandbox.simulator.stop());

function create(eventName: string, rest: Partial<Stripe.Billing.MeterCreateParams> = {}) {
  return meters.create({
    display_name: eventName,
    event_name: eventName,
    default_aggregation: { formula: 'sum' },
    ...rest,
  });
}

describe('a meter', () => {
  it('is made with the defaults of Stripe, and read back the same', async () => {
    const meter = await create('bytes');
    expect(meter).toEqual({
      id: expect.stringMatching(/^mtr_test_/),
      object: 'billing.meter',
      created: NOON,
      customer_mapping: { event_payload_key: 'stripe_customer_id', type: 'by_id' },
      default_aggregation: { formula: 'sum' },
      display_name: 'bytes',
      event_name: 'bytes',
      event_time_window: null,
      livemode: false,
      status: 'active',
      status_transitions: { deactivated_at: null },
      updated: NOON,
      value_settings: { event_payload_key: 'value' },
    });
    expect(await meters.retrieve(meter.id)).toEqual(meter);
  });

  it('shares its event name with no other, not even an inactive one', async () => {
    expect((await errorOf(create('requests'))).statusCode).toBe(400);
    await meters.deactivate(sandbox.meter.id);
    const error = await errorOf(create('requests'));
    expect(error).toMatchObject({ statusCode: 400, param: 'event_name' });
  });

  it('lets its display name change and nothing else', async () => {
    sandbox.simulator.advanceClock(60);
    const meter = await meters.update(sandbox.meter.id, { display_name: 'New' });
    expect(meter).toMatchObject({ display_name: 'New', created: NOON, updated: NOON + 60 });
    const change = { event_name: 'other' } as Stripe.Billing.MeterUpdateParams;
    expect((await errorOf(meters.update(meter.id, change))).code).toBe('parameter_unknown');
  });

  it('is deactivated with the moment, and reactivated', async () => {
    sandbox.simulator.advanceClock(60);
    const off = await meters.deactivate(sandbox.meter.id);
    expect(off.status).toBe('inactive');
    expect(off.status_transitions.deactivated_at).toBe(NOON + 60);
    const on = await meters.reactivate(sandbox.meter.id);
    expect(on.status).toBe('active');
    expect(on.status_transitions.deactivated_at).toBeNull();
  });

  it.each([
    { default_aggregation: { formula: 'max' } },
    { display_name: 'x'.repeat(251) },
    { event_time_window: 'week' },
    { customer_mapping: { type: 'by_name', event_payload_key: 'k' } },
  ])('cannot be made with %j', async (wrong) => {
    const error = await errorOf(
      create('bytes', wrong as Partial<Stripe.Billing.MeterCreateParams>),
    );
    expect(error.statusCode).toBe(400);
  });

  it('that does not exist is a 404', async () => {
    expect(await errorOf(meters.retrieve('mtr_none'))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
    });
  });
});

describe('the list of meters', () => {
  const names = (list: { data: { event_name: string }[] }): string[] =>
    list.data.map((meter) => meter.event_name);

  it('is newest first, in pages both ways', async () => {
    for (const name of ['b', 'c', 'd']) await create(name);
    const first = await meters.list({ limit: 2 });
    expect([names(first), first.has_more, first.url]).toEqual([
      ['d', 'c'],
      true,
      '/v1/billing/meters',
    ]);
    const last = await meters.list({ limit: 2, starting_after: first.data[1]!.id });
    expect([names(last), last.has_more]).toEqual([['b', 'requests'], false]);
    const back = await meters.list({ limit: 1, ending_before: last.data[0]!.id });
    expect([names(back), back.has_more]).toEqual([['c'], true]);
  });

  it('is walked whole by the SDK', async () => {
    for (let count = 0; count < 12; count += 1) await create(`meter ${count}`);
    const seen: string[] = [];
    for await (const meter of meters.list()) seen.push(meter.id);
    expect(new Set(seen).size).toBe(13);
  });

  it('is filtered by status', async () => {
    await meters.deactivate((await create('off')).id);
    expect(names(await meters.list({ status: 'inactive' }))).toEqual(['off']);
    expect(names(await meters.list({ status: 'active' }))).toEqual(['requests']);
  });

  it('has pages of 1 to 100', async () => {
    for (const limit of [1, 100]) await meters.list({ limit });
    for (const limit of [0, 101]) {
      expect((await errorOf(meters.list({ limit }))).statusCode).toBe(400);
    }
  });

  it('refuses a cursor that is no meter', async () => {
    const error = await errorOf(meters.list({ starting_after: 'mtr_none' }));
    expect(error).toMatchObject({ statusCode: 400, param: 'starting_after' });
  });
});
