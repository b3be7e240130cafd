import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptsReport } from '../src/index.js';
import { errorOf, openSandbox, oracle, type Sandbox } from './support/sandbox.js';

const EVENTS = { method: 'POST', path: '/v1/billing/meter_events' };

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await openSandbox({ autoCustomers: true });
});
afterEach(() => sandbox.simulator.stop());

async function report(): Promise<AttemptsReport> {
  return (await oracle<AttemptsReport>(sandbox.simulator, 'GET', '/_sim/attempts')).body;
}

const maxima = async () =>
  Object.fromEntries((await report()).in_flight.map((lane) => [lane.customer, lane.in_flight_max]));

describe('requests in flight', () => {
  it('are counted by customer and event name, at their most', async () => {
    sandbox.simulator.setSwitches({ processingMs: 200 });
    await Promise.allSettled([
      sandbox.send('1', { customer: 'cus_a' }),
      sandbox.send('1', { customer: 'cus_a' }),
      sandbox.send('1', { customer: 'cus_b' }),
    ]);
    await sandbox.send('1', { customer: 'cus_b' });
    expect(await maxima()).toEqual({ cus_a: 2, cus_b: 1 });
    const { in_flight: lanes } = await report();
    expect(lanes).toMatchObject([{ event_name: 'requests', in_flight_now: 0 }, {}]);
  });

  it('are one at a time for a client that sends one after the other', async () => {
    for (let sent = 0; sent < 50; sent += 1) await sandbox.send('1', { customer: 'cus_a' });
    expect(await maxima()).toEqual({ cus_a: 1 });
  });

  it('end when the client gives up', async () => {
    sandbox.simulator.addFault({ match: EVENTS, fault: { kind: 'slow', ms: 2000 } });
    const impatient = sandbox.stripe.billing.meterEvents.create(
      { event_name: 'requests', payload: { stripe_customer_id: 'cus_a', value: '1' } },
      { timeout: 100 },
    );
    await errorOf(impatient);
    const inFlightNow = async () => (await report()).in_flight[0]?.in_flight_now;
    await expect.poll(inFlightNow).toBe(0);
  });

  it('include one that hangs', async () => {
    const fault = { kind: 'lateCommit', afterMs: 1000, answer: 'hang' } as const;
    sandbox.simulator.addFault({ match: EVENTS, fault });
    const hanging = errorOf(
      sandbox.stripe.billing.meterEvents.create(
        { event_name: 'requests', payload: { stripe_customer_id: 'cus_a', value: '1' } },
        { timeout: 1000 },
      ),
    );
    await expect.poll(async () => (await maxima())['cus_a']).toBe(1);
    await sandbox.send('1', { customer: 'cus_a' });
    expect(await maxima()).toEqual({ cus_a: 2 });
    await hanging;
  });
});

describe('an idempotency key', () => {
  const keys = async () =>
    (await report()).keys
      .filter(({ idempotency_key: key }) => !key.startsWith('stripe-node'))
      .map(({ api, idempotency_key: key, distinct_bodies: bodies, requests }) => [
        api,
        key,
        bodies,
        requests,
      ]);

  it('is known with its requests, and with how many different ones they were', async () => {
    await sandbox.send('1', { identifier: 'a' }, 'key-1');
    await sandbox.send('1', { identifier: 'a' }, 'key-1');
    await sandbox.send('1', { identifier: 'b' }, 'key-2');
    await errorOf(sandbox.send('2', { identifier: 'b' }, 'key-2'));
    expect(await keys()).toEqual([
      ['v1', 'key-1', 1, 2],
      ['v1', 'key-2', 2, 2],
    ]);
  });

  it('counts requests that were never answered', async () => {
    sandbox.simulator.addFault({ match: EVENTS, count: 2, fault: 'resetBefore' });
    await errorOf(sandbox.send('1', { identifier: 'a' }, 'key-1'));
    expect(await keys()).toEqual([['v1', 'key-1', 1, 2]]);
  });

  it('is another one under v2', async () => {
    await sandbox.send('1', { identifier: 'a' }, 'key-1');
    await sandbox.stripe.v2.billing.meterEvents.create(
      { event_name: 'requests', payload: { stripe_customer_id: 'cus_a', value: '2' } },
      { idempotencyKey: 'key-1' },
    );
    expect(await keys()).toEqual([
      ['v1', 'key-1', 1, 1],
      ['v2', 'key-1', 1, 1],
    ]);
  });
});
