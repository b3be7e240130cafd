import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatorOptions, Switches } from '../src/index.js';
import { DAY, errorOf, NOON, openSandbox, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

async function open(switches: Partial<Switches> = {}, options: SimulatorOptions = {}) {
  sandbox = await openSandbox({ switches, ...options });
  return sandbox;
}

/** The codes of the error reports that a real Stripe would send. */
function rejectionCodes(): string[] {
  return sandbox.simulator.rejections().map(({ code }) => code);
}

describe('an accepted event', () => {
  it('is answered without an id, and the ledger has it to the letter', async () => {
    const { send, customer, simulator } = await open();
    const event = await send('25.50', { identifier: 'id-1', timestamp: NOON - 60 }, 'key-1');
    expect(event).toEqual({
      object: 'billing.meter_event',
      created: NOON,
      event_name: 'requests',
      identifier: 'id-1',
      livemode: false,
      payload: { stripe_customer_id: customer, value: '25.50' },
      timestamp: NOON - 60,
    });
    expect(event.lastResponse.statusCode).toBe(200);
    expect(simulator.ledger()).toEqual([
      expect.objectContaining({
        receipt: 1,
        livemode: false,
        event_name: 'requests',
        customer,
        identifier: 'id-1',
        idempotency_key: 'key-1',
        value: '25.50',
        timestamp: NOON - 60,
        received_at: '2026-10-30T12:00:00.000Z',
        attempts: 1,
      }),
    ]);
  });

  it('gets an identifier and the time of receipt when the client gives none', async () => {
    const { send } = await open();
    const [one, two] = [await send('1'), await send('1')];
    expect(one.identifier).not.toBe('');
    expect(one.identifier).not.toBe(two.identifier);
    expect(one.timestamp).toBe(NOON);
  });

  it.each(['event_name', 'identifier'])('has at most 100 characters of %s', async (name) => {
    const { send, stripe } = await open();
    const text = 'x'.repeat(100);
    await stripe.billing.meters.create({
      display_name: 'Long',
      event_name: text,
      default_aggregation: { formula: 'sum' },
    });
    await send('1', { [name]: text });
    const error = await errorOf(send('1', { [name]: `${text}x` }));
    expect(error).toMatchObject({ statusCode: 400, param: name });
  });
});

describe('the timestamp', () => {
  it('is accepted exactly 35 days back and exactly 5 minutes ahead', async () => {
    const { send, simulator } = await open();
    await send('1', { timestamp: NOON - 35 * DAY });
    await send('1', { timestamp: NOON + 300 });
    expect(simulator.ledger()).toHaveLength(2);
  });

  it('a second beyond either limit is refused, and the past names its floor', async () => {
    const { send, simulator } = await open();
    const past = await errorOf(send('1', { timestamp: NOON - 35 * DAY - 1 }));
    const future = await errorOf(send('1', { timestamp: NOON + 301 }));
    expect(past.statusCode).toBe(400);
    expect(past.message).toBe(
      'The event timestamp cannot be more than 35 days in past. ' +
        `Expected a timestamp greater than or equal to ${NOON - 35 * DAY}.`,
    );
    expect(future.statusCode).toBe(400);
    expect(simulator.ledger()).toEqual([]);
  });

  it('can be refused later instead', async () => {
    const { send, simulator } = await open({ timestampOutOfRange: 'async' });
    await send('1', { timestamp: NOON - 35 * DAY - 1 });
    await send('1', { timestamp: NOON + 301 });
    expect(rejectionCodes()).toEqual(['timestamp_too_far_in_past', 'timestamp_in_future']);
    expect(simulator.ledger()).toEqual([]);
  });
});

describe('the value', () => {
  it.each([
    '1',
    '0',
    '-7',
    '0.000000000001',
    '123456789012345',
    '-1234567890.12345',
    '0.000000000000001',
    '0000000000000000.5',
  ])('takes %s', async (value) => {
    const { send, counted } = await open();
    await send(value);
    expect(await counted()).toBe(Number(value));
  });

  it.each(['1234567890123456', '0.1234567890123456', '1.000000000000000'])(
    'of more than 15 digits is refused at once, or later: %s',
    async (value) => {
      const { send, simulator } = await open({ invalidValue: 'async' });
      const error = await errorOf(send(value));
      expect(error.statusCode).toBe(400);
      expect(error.message).toContain(`can have at most 15 digits. Received ${value}`);
      simulator.setSwitches({ invalidValue: 'sync', tooManyDigits: 'async' });
      await send(value);
      expect(rejectionCodes()).toEqual(['meter_event_value_too_many_digits']);
    },
  );

  const malformed = ['1e3', '1,000', 'ten', '', ' 1', '+1', '.5', '0x10', 'NaN'];

  it.each(malformed)('that is no plain decimal is refused at once: "%s"', async (value) => {
    const { send } = await open();
    expect((await errorOf(send(value))).statusCode).toBe(400);
  });

  it.each(malformed)('that is no plain decimal can be refused later: "%s"', async (value) => {
    const { send, counted } = await open({ invalidValue: 'async' });
    await send(value);
    expect(rejectionCodes()).toEqual(['meter_event_invalid_value']);
    expect(await counted()).toBe(0);
  });

  it.each([
    ['sync', []],
    ['async', ['meter_event_value_not_found']],
  ] as const)('that misses is refused, %s', async (invalidValue, codes) => {
    const { stripe, customer } = await open({ invalidValue });
    const payload = { stripe_customer_id: customer };
    const sent = stripe.billing.meterEvents.create({ event_name: 'requests', payload });
    if (invalidValue === 'sync') expect((await errorOf(sent)).statusCode).toBe(400);
    else await sent;
    expect(rejectionCodes()).toEqual(codes);
  });

  it('can be held to positive integers, as the v2 reference says', async () => {
    const { send } = await open({ acceptedValues: 'positive_integer' });
    await send('5');
    for (const value of ['0', '-1', '1.5']) {
      expect((await errorOf(send(value))).statusCode).toBe(400);
    }
  });
});

describe('the event name', () => {
  it('without a meter is refused at once, or later with no_meter', async () => {
    const { send, simulator } = await open();
    const error = await errorOf(send('1', { event_name: 'nothing' }));
    expect(error.statusCode).toBe(400);
    expect(error.message).toBe('No active meter found for event name "nothing"');
    simulator.setSwitches({ unknownMeter: 'async' });
    await send('1', { event_name: 'nothing' });
    expect(simulator.rejections()).toEqual([
      expect.objectContaining({
        code: 'no_meter',
        meter: null,
        message: 'No meter was found matching event_name nothing.',
      }),
    ]);
  });

  it('of an inactive meter is refused at once, or later with archived_meter', async () => {
    const { send, simulator, stripe, meter } = await open();
    await stripe.billing.meters.deactivate(meter.id);
    const error = await errorOf(send('1'));
    expect(error).toMatchObject({ statusCode: 400, code: 'archived_meter' });
    expect(error.message).toContain('No active meter found');
    simulator.setSwitches({ unknownMeter: 'async' });
    await send('1');
    expect(rejectionCodes()).toEqual(['archived_meter']);
    await stripe.billing.meters.reactivate(meter.id);
    await send('1');
    expect(simulator.ledger()).toHaveLength(1);
  });
});

describe('the customer', () => {
  it('that does not exist is refused at once, or later', async () => {
    const { send, simulator } = await open();
    const error = await errorOf(send('1', { customer: 'cus_none' }));
    expect(error).toMatchObject({ statusCode: 400, message: "No such customer: 'cus_none'" });
    simulator.setSwitches({ unknownCustomer: 'async' });
    await send('1', { customer: 'cus_none' });
    expect(rejectionCodes()).toEqual(['meter_event_customer_not_found']);
    expect(simulator.ledger()).toEqual([]);
  });

  it.each(['sync', 'async'] as const)(
    'key that misses is refused later under every setting: %s',
    async (unknownCustomer) => {
      const { stripe, simulator } = await open({ unknownCustomer });
      await stripe.billing.meterEvents.create({ event_name: 'requests', payload: { value: '1' } });
      expect(simulator.rejections()).toEqual([
        expect.objectContaining({
          code: 'meter_event_no_customer_defined',
          message: 'Customer mapping key stripe_customer_id not found in payload.',
        }),
      ]);
    },
  );

  it('can be any cus_ id when the simulator is told so', async () => {
    const { send, simulator } = await open({}, { autoCustomers: true });
    await send('1', { customer: 'cus_any' });
    expect(simulator.ledger({ customer: 'cus_any' })).toHaveLength(1);
    expect((await errorOf(send('1', { customer: 'any' }))).statusCode).toBe(400);
  });

  it('is read from the key that the meter maps, as is the value', async () => {
    const { stripe, customer, simulator } = await open();
    await stripe.billing.meters.create({
      display_name: 'Mapped',
      event_name: 'mapped',
      default_aggregation: { formula: 'sum' },
      customer_mapping: { type: 'by_id', event_payload_key: 'payer' },
      value_settings: { event_payload_key: 'tokens' },
    });
    const payload = { payer: customer, tokens: '3' };
    await stripe.billing.meterEvents.create({ event_name: 'mapped', payload });
    expect(simulator.ledger()).toEqual([expect.objectContaining({ customer, value: '3' })]);
  });
});
