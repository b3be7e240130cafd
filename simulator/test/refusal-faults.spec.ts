import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault, PlainFaultName } from '../src/index.js';
import { errorOf, openSandbox, oracle, post, type Sandbox } from './support/sandbox.js';

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

const arm = (fault: Fault | PlainFaultName, count = 1): void =>
  sandbox.simulator.addFault({ match: EVENTS, count, fault });

describe('a refusal that has nothing behind it', () => {
  it.each([
    ['lockTimeout', 'lockTimeout', 429, 'lock_timeout'],
    ['409InFlight', '409InFlight', 409, 'too_many_concurrent_requests'],
    [
      '409InFlight of a key',
      { kind: '409InFlight', code: 'idempotency_key_in_use' },
      409,
      'idempotency_key_in_use',
    ],
  ] as const)('%s', async (_name, fault, status, code) => {
    arm(fault, 2);
    for (let sent = 0; sent < 2; sent += 1) {
      const response = await sendOnce('a');
      expect(response.status).toBe(status);
      expect(response.headers.has('stripe-rate-limited-reason')).toBe(false);
      expect(await response.json()).toMatchObject({ error: { code } });
    }
    expect(await sandbox.counted()).toBe(0);
    const again = await sendOnce('a');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
  });

  it('can name another reason of a rate limit', async () => {
    arm({ kind: '429Burst', reason: 'global-concurrency' });
    const { headers } = await errorOf(sandbox.send('1'));
    expect(headers).toMatchObject({ 'stripe-rate-limited-reason': 'global-concurrency' });
  });
});

describe('a body that is no JSON', () => {
  it('is half of one under its full length, though the event counts', async () => {
    arm('truncatedBody');
    const response = await sendOnce('a');
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect(await sandbox.counted()).toBe(5);
    const again = await sendOnce('a');
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.json()).toMatchObject({ identifier: 'a' });
  });

  it('is a connection error to the SDK when it is half', async () => {
    arm('truncatedBody', 2);
    expect((await errorOf(sandbox.send('5'))).type).toBe('StripeConnectionError');
    expect(await sandbox.counted()).toBe(5);
  });

  it.each([
    ['htmlBody', 502, 5, 'true'],
    ['htmlBodyBefore', 502, 0, null],
    [{ kind: 'htmlBody', status: 504 }, 504, 5, 'true'],
    [{ kind: 'htmlBodyBefore', status: 500 }, 500, 0, null],
  ] as const)('is a page of HTML: %j', async (fault, status, counted, replayed) => {
    arm(fault);
    const response = await sendOnce('a');
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'text/html']);
    expect(await response.text()).toMatch(/^<html>/);
    expect(await sandbox.counted()).toBe(counted);
    const again = await sendOnce('a');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, replayed]);
    expect(await sandbox.counted()).toBe(5);
  });
});

describe('shouldRetry', () => {
  it('false stops the SDK, true makes it go on', async () => {
    const retrying = { maxNetworkRetries: 1 };
    const params = {
      event_name: 'requests',
      payload: { stripe_customer_id: sandbox.customer, value: '5' },
    };
    arm({ kind: 'shouldRetry', value: false });
    arm('503');
    const call = sandbox.stripe.billing.meterEvents.create(params, retrying);
    expect((await errorOf(call)).statusCode).toBe(503);
    arm({ kind: 'shouldRetry', value: true });
    arm('429Burst');
    await sandbox.stripe.billing.meterEvents.create(params, retrying);
    expect(await sandbox.counted()).toBe(5);
  });
});

describe('an outage', () => {
  it('closes every connection until its virtual time is over', async () => {
    arm({ kind: 'outage', ms: 60_000 });
    await expect(sendOnce('a')).rejects.toThrow();
    sandbox.simulator.advanceClock(59.999);
    await expect(sendOnce('a')).rejects.toThrow();
    await expect(fetch(`${sandbox.simulator.url}/v1/account`)).rejects.toThrow();
    expect(sandbox.simulator.ledger()).toEqual([]);
    sandbox.simulator.advanceClock(0.001);
    expect((await sendOnce('a')).status).toBe(200);
    expect(sandbox.simulator.ledger()).toMatchObject([{ attempts: 3 }]);
  });

  it('can last for real time, whatever the virtual clock does', async () => {
    arm({ kind: 'outage', ms: 300, time: 'real' });
    await expect(sendOnce('a')).rejects.toThrow();
    sandbox.simulator.advanceClock(3600);
    await expect(sendOnce('a')).rejects.toThrow();
    const status = () =>
      sendOnce('a').then(
        (response) => response.status,
        () => 0,
      );
    await expect.poll(status).toBe(200);
  });

  it('ends when the faults are cleared', async () => {
    arm({ kind: 'outage', ms: 60_000 });
    await expect(sendOnce('a')).rejects.toThrow();
    await oracle(sandbox.simulator, 'DELETE', '/_sim/faults');
    expect((await sendOnce('a')).status).toBe(200);
  });
});

describe('an order for a fault', () => {
  it.each([
    { fault: { kind: 'lateCommit', afterMs: 5 } },
    { fault: { kind: 'lateCommit', afterMs: -1, answer: 'hang' } },
    { fault: { kind: 'lateCommit', afterMs: 1, answer: 'hang', key: 'lost' } },
    { fault: 'outage' },
    { fault: { kind: 'outage', ms: 5, time: 'lunar' } },
    { fault: 'aggregationStall' },
    { fault: 'clockSkew' },
    { fault: { kind: 'shouldRetry', value: 'yes' } },
    { fault: { kind: 'prunedKey', identifier: 'perhaps' } },
    { fault: { kind: '409InFlight', code: 'other' } },
  ])('is refused when it cannot happen: %j', async (script) => {
    const { status } = await oracle(sandbox.simulator, 'POST', '/_sim/faults', script);
    expect(status).toBe(400);
    expect(sandbox.simulator.faults()).toEqual([]);
  });
});
