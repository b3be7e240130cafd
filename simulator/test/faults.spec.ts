import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Faults } from '../src/faults.js';
import { errorOf, openSandbox, post, type Sandbox } from './support/sandbox.js';

const PATH = '/v1/billing/meter_events';
const EVENTS = { method: 'POST', path: PATH };

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await openSandbox();
});
afterEach(() => sandbox.simulator.stop());

/** A request without the SDK, which would send once more by itself after a closed connection. */
function sendOnce(identifier: string): Promise<Response> {
  const payload = `payload[stripe_customer_id]=${sandbox.customer}&payload[value]=5`;
  const body = `event_name=requests&identifier=${identifier}&${payload}`;
  return post(sandbox.simulator, PATH, body, { 'Idempotency-Key': `key ${identifier}` });
}

const attempts = (): number[] => sandbox.simulator.ledger().map((entry) => entry.attempts);

describe('lostResponse', () => {
  it('counts the event and closes without a byte; the same request is then a replay', async () => {
    sandbox.simulator.addFault({ match: EVENTS, fault: 'lostResponse' });
    await expect(sendOnce('a')).rejects.toThrow();
    expect(await sandbox.counted()).toBe(5);
    const again = await sendOnce('a');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(attempts()).toEqual([2]);
  });

  it('is hidden by the SDK, which sends once more with the same key', async () => {
    sandbox.simulator.addFault({ match: EVENTS, fault: 'lostResponse' });
    const event = await sandbox.send('5', { identifier: 'a' });
    expect(event.lastResponse.headers['idempotent-replayed']).toBe('true');
    expect(await sandbox.counted()).toBe(5);
  });

  it('twice in a row reaches the caller of the SDK as a connection error', async () => {
    sandbox.simulator.addFault({ match: EVENTS, count: 2, fault: 'lostResponse' });
    const error = await errorOf(sandbox.send('5', { identifier: 'a' }));
    expect(error.type).toBe('StripeConnectionError');
    expect(await sandbox.counted()).toBe(5);
    expect(attempts()).toEqual([2]);
  });
});

describe('resetBefore', () => {
  it('closes without a byte and counts nothing; the same request is then new', async () => {
    sandbox.simulator.addFault({ match: EVENTS, fault: 'resetBefore' });
    await expect(sendOnce('a')).rejects.toThrow();
    expect(await sandbox.counted()).toBe(0);
    const again = await sendOnce('a');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(attempts()).toEqual([2]);
  });
});

describe('a server error', () => {
  it.each([
    ['500AfterCommit', 500, 5, 500, 5],
    ['500BeforeCommit', 500, 0, 500, 0],
    ['503', 503, 0, 200, 5],
  ] as const)('%s', async (fault, status, counted, statusAgain, countedAgain) => {
    sandbox.simulator.addFault({ match: EVENTS, fault });
    expect((await sendOnce('a')).status).toBe(status);
    expect(await sandbox.counted()).toBe(counted);
    const again = await sendOnce('a');
    expect(again.status).toBe(statusAgain);
    expect(again.headers.get('idempotent-replayed')).toBe(statusAgain === 500 ? 'true' : null);
    expect(await sandbox.counted()).toBe(countedAgain);
  });

  it('of 500 asks the SDK not to retry, and is an API error to it', async () => {
    sandbox.simulator.addFault({ match: EVENTS, fault: '500AfterCommit' });
    const error = await errorOf(sandbox.send('5'));
    expect(error).toMatchObject({ type: 'StripeAPIError', statusCode: 500 });
    expect(error.headers).toMatchObject({ 'stripe-should-retry': 'false' });
  });
});

describe('429Burst', () => {
  it('refuses as many requests as it counts, like a rate limit', async () => {
    sandbox.simulator.addFault({ match: EVENTS, count: 3, fault: '429Burst' });
    const codes: (string | undefined)[] = [];
    for (let sent = 0; sent < 3; sent += 1) codes.push((await errorOf(sandbox.send('1'))).code);
    expect(codes).toEqual(['rate_limit', 'rate_limit', 'rate_limit']);
    await sandbox.send('1');
    expect(await sandbox.counted()).toBe(1);
  });
});

describe('slow', () => {
  it('hangs past the timeout of the client, whose event counts all the same', async () => {
    sandbox.simulator.addFault({ match: EVENTS, fault: { kind: 'slow', ms: 1500 } });
    const payload = { stripe_customer_id: sandbox.customer, value: '5' };
    const call = sandbox.stripe.billing.meterEvents.create(
      { event_name: 'requests', payload },
      { timeout: 200 },
    );
    expect((await errorOf(call)).type).toBe('StripeConnectionError');
    expect(await sandbox.counted()).toBe(5);
  });
});

describe('a script', () => {
  it('falls only on the requests it matches', async () => {
    const { simulator, customer, send } = sandbox;
    simulator.addFault({
      match: { ...EVENTS, event_name: 'requests', identifier: 'b' },
      fault: '503',
    });
    simulator.addFault({ match: { path: '/v1/billing/meters/*' }, fault: '503' });
    simulator.addFault({ match: { customer, idempotency_key: 'key-c' }, fault: '503' });
    await send('1', { identifier: 'a' });
    expect((await errorOf(send('1', { identifier: 'b' }))).statusCode).toBe(503);
    expect((await errorOf(send('1', { identifier: 'c' }, 'key-c'))).statusCode).toBe(503);
    expect((await errorOf(sandbox.counted().then((page) => page))).statusCode).toBe(503);
    expect(simulator.faults().map(({ hits, remaining }) => [hits, remaining])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  it('finds the customer where the meter has it', async () => {
    const { simulator, stripe, customer } = sandbox;
    await stripe.billing.meters.create({
      display_name: 'Mapped',
      event_name: 'mapped',
      default_aggregation: { formula: 'sum' },
      customer_mapping: { type: 'by_id', event_payload_key: 'payer' },
    });
    simulator.addFault({ match: { ...EVENTS, customer }, fault: '503' });
    const payload = { payer: customer, value: '1' };
    const call = stripe.billing.meterEvents.create({ event_name: 'mapped', payload });
    expect((await errorOf(call)).statusCode).toBe(503);
  });

  it('with a member that nobody knows is refused', () => {
    const script = { match: EVENTS, cuont: 3, fault: '503' } as const;
    expect(() => sandbox.simulator.addFault(script)).toThrow('cuont');
  });

  it('lets requests go by that it shall skip', async () => {
    sandbox.simulator.addFault({ match: EVENTS, skip: 2, fault: '503' });
    await sandbox.send('1');
    await sandbox.send('1');
    expect((await errorOf(sandbox.send('1'))).statusCode).toBe(503);
  });

  it('can meet another one on the same request', async () => {
    sandbox.simulator.addFault({ match: EVENTS, fault: '500AfterCommit' });
    sandbox.simulator.addFault({ match: EVENTS, fault: 'lostResponse' });
    await expect(sendOnce('a')).rejects.toThrow();
    expect((await sendOnce('a')).status).toBe(500);
  });

  it('is not used up by a replay, on which nothing executes', async () => {
    await sendOnce('a');
    sandbox.simulator.addFault({ match: EVENTS, fault: '500AfterCommit' });
    expect((await sendOnce('a')).status).toBe(200);
    expect((await sendOnce('b')).status).toBe(500);
  });

  it('by chance falls on the same requests for the same seed, and on its share of them', () => {
    const facts = { ...EVENTS, idempotency_key: null, account: 'acct_1', events: [] };
    const fallsOf = (seed: number): boolean[] => {
      const faults = new Faults();
      faults.add({ count: Infinity, probability: 0.25, seed, fault: '503' });
      return Array.from({ length: 2000 }, () => faults.take('arrival', facts) !== null);
    };
    expect(fallsOf(7)).toEqual(fallsOf(7));
    expect(fallsOf(7)).not.toEqual(fallsOf(8));
    const share = fallsOf(7).filter(Boolean).length / 2000;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.3);
  });
});
