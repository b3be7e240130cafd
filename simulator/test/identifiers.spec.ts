import { afterEach, describe, expect, it } from 'vitest';
import type { Switches } from '../src/index.js';
import { clientOf, DAY, errorOf, openSandbox, post, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

async function open(switches: Partial<Switches> = {}): Promise<Sandbox> {
  sandbox = await openSandbox({ switches });
  return sandbox;
}

const SECOND_METER = {
  display_name: 'Bytes',
  event_name: 'bytes',
  default_aggregation: { formula: 'sum' },
} as const;

describe('a repeated identifier', () => {
  it('is refused with the plain 400 of Stripe, and usage does not change', async () => {
    const { simulator, customer, send, counted } = await open();
    await send('5', { identifier: 'same' }, 'key-1');
    const body = `event_name=requests&payload[stripe_customer_id]=${customer}&payload[value]=5`;
    const path = '/v1/billing/meter_events';
    const response = await post(simulator, path, `${body}&identifier=same`);
    expect(response.status).toBe(400);
    expect(response.headers.get('stripe-should-retry')).toBe('false');
    expect(await response.json()).toEqual({
      error: {
        type: 'invalid_request_error',
        message: 'An event already exists with identifier same.',
      },
    });
    expect(await counted()).toBe(5);
    expect(simulator.ledger()).toEqual([expect.objectContaining({ attempts: 2 })]);
  });

  it('is refused under another key too, whatever else the event says', async () => {
    const { send } = await open();
    await send('5', { identifier: 'same' }, 'key-1');
    const error = await errorOf(send('6', { identifier: 'same' }, 'key-2'));
    expect(error).toMatchObject({ statusCode: 400, type: 'StripeInvalidRequestError' });
    expect(error.code).toBeUndefined();
  });

  it('is refused up to the window, and counted again exactly at its end', async () => {
    const { simulator, send, counted } = await open();
    await send('5', { identifier: 'same' });
    simulator.advanceClock(DAY - 0.001);
    await errorOf(send('5', { identifier: 'same' }));
    simulator.advanceClock(0.001);
    await send('5', { identifier: 'same' });
    expect(simulator.ledger()).toHaveLength(2);
    expect(await counted()).toBe(5 + 5);
  });

  it('starts a new window when it is counted again', async () => {
    const { simulator, send } = await open();
    await send('5', { identifier: 'same' });
    simulator.advanceClock(DAY);
    await send('5', { identifier: 'same' });
    simulator.advanceClock(DAY - 1);
    expect((await errorOf(send('5', { identifier: 'same' }))).statusCode).toBe(400);
  });

  it('is refused longer when the window is longer', async () => {
    const { simulator, send } = await open({ identifierWindowMs: 48 * 3_600_000 });
    await send('5', { identifier: 'same' });
    simulator.advanceClock(2 * DAY - 1);
    await errorOf(send('5', { identifier: 'same' }));
    simulator.advanceClock(1);
    await send('5', { identifier: 'same' });
  });

  it('is refused for ever when the simulator never forgets', async () => {
    const { simulator, send } = await open({ identifierWindowMs: 'forever' });
    await send('5', { identifier: 'same' });
    simulator.advanceClock(400 * DAY);
    expect((await errorOf(send('5', { identifier: 'same' }))).statusCode).toBe(400);
  });

  it('of a request that was refused at once is still free', async () => {
    const { send, counted } = await open();
    await errorOf(send('x', { identifier: 'same' }));
    await send('5', { identifier: 'same' });
    expect(await counted()).toBe(5);
  });
});

describe('the scope of identifiers', () => {
  it('is the account by default, so another meter cannot use one', async () => {
    const { stripe, send } = await open();
    await stripe.billing.meters.create(SECOND_METER);
    await send('5', { identifier: 'same' });
    const error = await errorOf(send('5', { identifier: 'same', event_name: 'bytes' }));
    expect(error.statusCode).toBe(400);
  });

  it('can be the meter', async () => {
    const { stripe, send, simulator } = await open({ identifierScope: 'meter' });
    await stripe.billing.meters.create(SECOND_METER);
    await send('5', { identifier: 'same' });
    await send('5', { identifier: 'same', event_name: 'bytes' });
    await errorOf(send('5', { identifier: 'same' }));
    expect(simulator.ledger()).toHaveLength(2);
  });

  it('can be the customer of a meter', async () => {
    const { stripe, send, simulator } = await open({ identifierScope: 'customer' });
    await stripe.billing.meters.create(SECOND_METER);
    const { id: other } = await stripe.customers.create();
    await send('5', { identifier: 'same' });
    await send('5', { identifier: 'same', customer: other });
    await send('5', { identifier: 'same', event_name: 'bytes' });
    await errorOf(send('5', { identifier: 'same' }));
    await errorOf(send('5', { identifier: 'same', customer: other }));
    expect(simulator.ledger()).toHaveLength(3);
  });

  it('never reaches another account', async () => {
    const { simulator, send } = await open();
    const other = clientOf(simulator, 'sk_test_other');
    await other.billing.meters.create({ ...SECOND_METER, event_name: 'requests' });
    const { id } = await other.customers.create();
    await send('5', { identifier: 'same' });
    await other.billing.meterEvents.create({
      event_name: 'requests',
      identifier: 'same',
      payload: { stripe_customer_id: id, value: '5' },
    });
    expect(simulator.ledger()).toHaveLength(2);
  });
});

describe('the identifier of an event refused later', () => {
  const params = { identifier: 'same', customer: 'cus_none' };

  it('stays taken by default, and the event never counts', async () => {
    const { send, simulator } = await open({ unknownCustomer: 'async' });
    await send('5', params);
    expect((await errorOf(send('5', { identifier: 'same' }))).statusCode).toBe(400);
    simulator.flush();
    expect(simulator.ledger()).toEqual([]);
  });

  it('can be free', async () => {
    const switches = { unknownCustomer: 'async', asyncRejectedIdentifier: 'free' } as const;
    const { send, counted } = await open(switches);
    await send('5', params);
    await send('5', { identifier: 'same' });
    expect(await counted()).toBe(5);
  });
});
