import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import { openReceiver, register, WEBHOOK_SECRET, type Receiver } from './support/receiver.js';
import {
  clientOf,
  DAY,
  errorOf,
  NOON,
  NOON_MS,
  openSandbox,
  type Sandbox,
} from './support/sandbox.js';

let sandbox: Sandbox;
let receiver: Receiver;
beforeEach(async () => {
  sandbox = await openSandbox({ switches: { unknownMeter: 'async', unknownCustomer: 'async' } });
  receiver = await openReceiver();
  register(sandbox.simulator, receiver, {
    payload: 'thin',
    types: ['v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found'],
  });
});
afterEach(async () => {
  await sandbox.simulator.stop();
  await receiver.close();
});

/** The events of the reports that arrived, fetched. */
const reports = async () => {
  const fetched = receiver.received.map(({ body, signature }) =>
    sandbox.stripe.parseEventNotification(body, signature, WEBHOOK_SECRET).fetchEvent(),
  );
  return (await Promise.all(fetched)) as unknown as Report[];
};

interface Report {
  id: string;
  type: string;
  created: string | Date;
  related_object?: object;
  data: {
    developer_message_summary: string;
    reason: {
      error_count: number;
      error_types: { code: string; error_count: number; sample_errors: object[] }[];
    };
  };
}

const toUnknownCustomer = (count: number, prefix = 'x') =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      sandbox.send(
        '1',
        { customer: `cus_none_${index}`, identifier: `${prefix}-${index}` },
        `key-${prefix}-${index}`,
      ),
    ),
  );

describe('an error report', () => {
  it('counts all of ten seconds and comes two seconds later', async () => {
    await toUnknownCustomer(1, 'a');
    await sandbox.simulator.advanceTo(NOON_MS + 9999);
    await toUnknownCustomer(1, 'b');
    await sandbox.simulator.advanceTo(NOON_MS + 10_000);
    await toUnknownCustomer(1, 'c');
    await sandbox.simulator.advanceTo(NOON_MS + 11_999);
    expect(receiver.received).toEqual([]);
    await sandbox.simulator.advanceTo(NOON_MS + 60_000);
    const [first, second, ...others] = await reports();
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      object: 'v2.core.event',
      type: 'v1.billing.meter.error_report_triggered',
      created: '2026-10-30T12:00:12.000Z',
      livemode: false,
      reason: null,
      related_object: { id: sandbox.meter.id, type: 'billing.meter' },
      data: {
        developer_message_summary: 'There are 2 invalid events',
        validation_start: '2026-10-30T12:00:00.000Z',
        validation_end: '2026-10-30T12:00:10.000Z',
        reason: {
          error_count: 2,
          error_types: [{ code: 'meter_event_customer_not_found', error_count: 2 }],
        },
      },
    });
    expect(second?.data.developer_message_summary).toBe('There is 1 invalid event');
  });

  it('comes also when the clock jumps', async () => {
    await toUnknownCustomer(1);
    sandbox.simulator.setClock(NOON_MS + 3_600_000);
    await sandbox.simulator.deliverDue();
    expect((await reports())[0]).toMatchObject({ created: '2026-10-30T12:00:12.000Z' });
  });

  it('leads to its meter', async () => {
    await toUnknownCustomer(1);
    await sandbox.simulator.advanceTo(NOON_MS + 60_000);
    const { body, signature } = receiver.received[0] ?? { body: '', signature: '' };
    const notification = sandbox.stripe.parseEventNotification(body, signature, WEBHOOK_SECRET);
    const meter = await (
      notification as unknown as { fetchRelatedObject(): Promise<object> }
    ).fetchRelatedObject();
    expect(meter).toMatchObject({ id: sandbox.meter.id, object: 'billing.meter' });
  });

  it('shows at most so many samples of each code', async () => {
    sandbox.simulator.setSwitches({ reportSampleLimit: 2 });
    await toUnknownCustomer(5);
    const payload = { value: '1' };
    await sandbox.stripe.billing.meterEvents.create({ event_name: 'requests', payload });
    await sandbox.simulator.advanceTo(NOON_MS + 60_000);
    const { reason } = (await reports())[0]?.data ?? { reason: null };
    expect(reason?.error_count).toBe(6);
    const counts = reason?.error_types.map((one) => [
      one.code,
      one.error_count,
      one.sample_errors.length,
    ]);
    expect(counts).toEqual([
      ['meter_event_customer_not_found', 5, 2],
      ['meter_event_no_customer_defined', 1, 1],
    ]);
  });

  it.each([
    ['identifier', { identifier: 'x-0' }],
    ['identifier_is_key', { identifier: 'key-x-0' }],
    ['id_and_key', { id: '', idempotency_key: 'key-x-0' }],
  ] as const)('names requests by %s', async (reportRequest, request) => {
    sandbox.simulator.setSwitches({ reportRequest });
    await toUnknownCustomer(1);
    await sandbox.simulator.advanceTo(NOON_MS + 60_000);
    const [type] = (await reports())[0]?.data.reason.error_types ?? [];
    expect(type?.sample_errors).toEqual([
      { error_message: "No such customer: 'cus_none_0'", request },
    ]);
  });

  it('is another for each meter, and one for all names without a meter', async () => {
    const { stripe } = sandbox;
    await stripe.billing.meters.create({
      display_name: 'Other',
      event_name: 'other',
      default_aggregation: { formula: 'sum' },
    });
    await toUnknownCustomer(1);
    await sandbox.send('1', { event_name: 'other', customer: 'cus_none' });
    await sandbox.send('1', { event_name: 'none' });
    await sandbox.send('1', { event_name: 'nil' });
    await sandbox.simulator.advanceTo(NOON_MS + 60_000);
    const all = await reports();
    expect(all.map((one) => [one.type, one.data.reason.error_count])).toEqual([
      ['v1.billing.meter.error_report_triggered', 1],
      ['v1.billing.meter.error_report_triggered', 1],
      ['v1.billing.meter.no_meter_found', 2],
    ]);
    const [type] = all[2]?.data.reason.error_types ?? [];
    expect(type).toMatchObject({
      code: 'no_meter',
      sample_errors: [
        { error_message: 'No meter was found matching event_name none.' },
        { error_message: 'No meter was found matching event_name nil.' },
      ],
    });
  });

  it.each([
    ['empty', { related_object: {} }],
    ['absent', {}],
  ] as const)('without a meter has its related object %s', async (noMeterRelatedObject, shown) => {
    sandbox.simulator.setSwitches({ noMeterRelatedObject });
    await sandbox.send('1', { event_name: 'none' });
    await sandbox.simulator.advanceTo(NOON_MS + 60_000);
    const { related_object: related } = JSON.parse(receiver.received[0]?.body ?? '{}');
    expect(related === undefined ? {} : { related_object: related }).toEqual(shown);
  });
});

describe('events', () => {
  it('are kept for 30 days', async () => {
    const { stripe } = sandbox;
    const [snapshot] = (await stripe.events.list({ type: 'customer.created' })).data;
    const [thin] = (await stripe.v2.core.events.list({ limit: 1 })).data;
    sandbox.simulator.setClock(NOON_MS + 30 * DAY * 1000 - 1);
    expect((await stripe.events.retrieve(snapshot?.id ?? '')).id).toBe(snapshot?.id);
    expect((await stripe.v2.core.events.retrieve(thin?.id ?? '')).id).toBe(thin?.id);
    sandbox.simulator.setClock(NOON_MS + 30 * DAY * 1000);
    expect((await errorOf(stripe.events.retrieve(snapshot?.id ?? ''))).statusCode).toBe(404);
    expect((await errorOf(stripe.v2.core.events.retrieve(thin?.id ?? ''))).statusCode).toBe(404);
    expect((await stripe.events.list()).data).toEqual([]);
  });

  it('are listed newest first, by type and by time', async () => {
    const { stripe } = sandbox;
    sandbox.simulator.setClock(NOON_MS + 60_000);
    const { id } = await stripe.customers.create();
    await stripe.customers.del(id);
    const types = async (params: Stripe.EventListParams) =>
      (await stripe.events.list(params)).data.map(({ type }) => type);
    expect((await types({})).slice(0, 2)).toEqual(['customer.deleted', 'customer.created']);
    expect(await types({ types: ['customer.deleted', 'invoice.paid'] })).toEqual([
      'customer.deleted',
    ]);
    expect(await types({ created: { lt: NOON + 60 }, type: 'customer.deleted' })).toEqual([]);
    expect(await types({ created: { gte: NOON + 60 } })).toEqual([
      'customer.deleted',
      'customer.created',
    ]);
  });

  it('tell of each change of a meter once', async () => {
    const { stripe, meter } = sandbox;
    await stripe.billing.meters.update(meter.id, { display_name: 'Calls' });
    await stripe.billing.meters.deactivate(meter.id);
    await stripe.billing.meters.deactivate(meter.id);
    await stripe.billing.meters.reactivate(meter.id);
    const { data } = await stripe.events.list();
    const told = data.filter(({ type }) => type.startsWith('billing.meter.')).reverse();
    expect(
      told.map(({ type, data: { previous_attributes: previous } }) => [type, previous]),
    ).toEqual([
      ['billing.meter.created', undefined],
      ['billing.meter.updated', { display_name: 'Requests' }],
      [
        'billing.meter.deactivated',
        { status: 'active', status_transitions: { deactivated_at: null } },
      ],
      [
        'billing.meter.reactivated',
        { status: 'inactive', status_transitions: { deactivated_at: NOON } },
      ],
    ]);
  });

  it('of another account do not exist', async () => {
    const [event] = (await sandbox.stripe.events.list()).data;
    const other = clientOf(sandbox.simulator, 'sk_test_other');
    expect((await errorOf(other.events.retrieve(event?.id ?? ''))).statusCode).toBe(404);
  });
});
