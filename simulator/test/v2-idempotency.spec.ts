import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAY, errorOf, openSandbox, type Sandbox } from './support/sandbox.js';

const EVENTS = { method: 'POST', path: '/v2/billing/meter_events' };

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await openSandbox();
});
afterEach(() => sandbox.simulator.stop());

function create(value: string, idempotencyKey: string, identifier = 'a') {
  const payload = { stripe_customer_id: sandbox.customer, value };
  const params = { event_name: 'requests', payload, identifier };
  return sandbox.stripe.v2.billing.meterEvents.create(params, { idempotencyKey });
}

describe('a v2 key', () => {
  it('replays for 30 days and not longer', async () => {
    await create('5', 'key');
    sandbox.simulator.advanceClock(30 * DAY - 1);
    const again = await create('5', 'key');
    expect(again.lastResponse.headers['idempotent-replayed']).toBe('true');
    sandbox.simulator.advanceClock(1);
    expect((await create('5', 'key')).lastResponse.headers).not.toHaveProperty(
      'idempotent-replayed',
    );
    expect(await sandbox.counted()).toBe(5);
    expect(sandbox.simulator.ledger()).toHaveLength(2);
  });

  it('is refused for other parameters, in the words of v2', async () => {
    await create('5', 'key');
    expect(await errorOf(create('6', 'key'))).toMatchObject({
      type: 'StripeIdempotencyError',
      statusCode: 400,
      message: 'An idempotent retry occurred with different request parameters.',
    });
  });

  it('has nothing to do with the same key of v1', async () => {
    await create('5', 'key', 'a');
    const event = await sandbox.send('6', { identifier: 'b' }, 'key');
    expect(event.lastResponse.headers).not.toHaveProperty('idempotent-replayed');
    expect(await sandbox.counted()).toBe(11);
  });

  it('replays no failure: what failed is tried again', async () => {
    sandbox.simulator.setSwitches({ acceptedValues: 'positive_integer' });
    expect((await errorOf(create('0.5', 'key'))).code).toBe('payload_invalid_value');
    sandbox.simulator.setSwitches({ acceptedValues: 'decimal' });
    expect((await create('0.5', 'key')).identifier).toBe('a');
    expect(await sandbox.counted()).toBe(0.5);
  });

  it('keeps its parameters over a failure', async () => {
    expect((await errorOf(create('x', 'key'))).statusCode).toBe(400);
    expect((await errorOf(create('5', 'key'))).type).toBe('StripeIdempotencyError');
  });

  it.each([
    ['500AfterCommit', 'true'],
    ['500BeforeCommit', undefined],
  ] as const)('after %s ends in one event and a 200', async (fault, replayed) => {
    sandbox.simulator.addFault({ match: EVENTS, fault });
    expect((await errorOf(create('5', 'key'))).statusCode).toBe(500);
    const again = await create('5', 'key');
    expect(again.lastResponse.headers['idempotent-replayed']).toBe(replayed);
    expect(await sandbox.counted()).toBe(5);
    expect(sandbox.simulator.ledger()).toHaveLength(1);
  });

  it('cannot be kept for less than 30 days', () => {
    expect(() => sandbox.simulator.setSwitches({ v2KeyTtlMs: 30 * DAY * 1000 - 1 })).toThrow();
  });
});
