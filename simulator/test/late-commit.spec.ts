import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAY, errorOf, HOUR, openSandbox, post, type Sandbox } from './support/sandbox.js';

const PATH = '/v1/billing/meter_events';
const EVENTS = { method: 'POST', path: PATH };

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await openSandbox();
});
afterEach(() => sandbox.simulator.stop());

/** A request without the SDK, which would send once more by itself after a closed connection. */
function sendOnce(identifier: string, key = `key ${identifier}`): Promise<Response> {
  const payload = `payload[stripe_customer_id]=${sandbox.customer}&payload[value]=5`;
  const body = `event_name=requests&identifier=${identifier}&${payload}`;
  return post(sandbox.simulator, PATH, body, { 'Idempotency-Key': key });
}

function late(afterSeconds: number, settings: { key?: 'held' | 'free' } = {}): void {
  const fault = { kind: 'lateCommit', afterMs: afterSeconds * 1000, answer: 'reset' } as const;
  sandbox.simulator.addFault({ match: EVENTS, fault: { ...fault, ...settings } });
}

describe('lateCommit', () => {
  it('counts after so long, and not before', async () => {
    late(60);
    await expect(sendOnce('a')).rejects.toThrow();
    sandbox.simulator.advanceClock(59.999);
    expect(await sandbox.counted()).toBe(0);
    sandbox.simulator.advanceClock(0.001);
    expect(await sandbox.counted()).toBe(5);
    expect(sandbox.simulator.ledger()).toMatchObject([{ received_at: '2026-10-30T12:01:00.000Z' }]);
  });

  it('commits at its own instant also when the clock jumps past it', async () => {
    late(60);
    await expect(sendOnce('a')).rejects.toThrow();
    sandbox.simulator.advanceClock(HOUR);
    expect(sandbox.simulator.ledger()).toMatchObject([{ received_at: '2026-10-30T12:01:00.000Z' }]);
  });

  it('hangs until the client gives up, when told so', async () => {
    const fault = { kind: 'lateCommit', afterMs: 1000, answer: 'hang' } as const;
    sandbox.simulator.addFault({ match: EVENTS, fault });
    const call = sandbox.stripe.billing.meterEvents.create(
      { event_name: 'requests', payload: { stripe_customer_id: sandbox.customer, value: '5' } },
      { timeout: 100 },
    );
    expect((await errorOf(call)).type).toBe('StripeConnectionError');
    sandbox.simulator.advanceClock(1);
    expect(await sandbox.counted()).toBe(5);
  });

  it('keeps its key in use until it commits; then a resend is a replay', async () => {
    late(60);
    await expect(sendOnce('a')).rejects.toThrow();
    const during = await sendOnce('a');
    expect(during.status).toBe(409);
    expect(await during.json()).toMatchObject({ error: { code: 'idempotency_key_in_use' } });
    sandbox.simulator.advanceClock(60);
    const after = await sendOnce('a');
    expect([after.status, after.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(await sandbox.counted()).toBe(5);
  });

  it('can be overtaken by a resend, whose answer it then finds under its key', async () => {
    late(60, { key: 'free' });
    await expect(sendOnce('a')).rejects.toThrow();
    const during = await sendOnce('a');
    expect([during.status, during.headers.get('idempotent-replayed')]).toEqual([200, null]);
    sandbox.simulator.advanceClock(60);
    expect(await sandbox.counted()).toBe(5);
    expect(sandbox.simulator.ledger()).toHaveLength(1);
  });

  it('finds its identifier taken when another key was faster', async () => {
    late(60);
    await expect(sendOnce('a', 'key-1')).rejects.toThrow();
    expect((await sendOnce('a', 'key-2')).status).toBe(200);
    sandbox.simulator.advanceClock(60);
    expect(await sandbox.counted()).toBe(5);
    expect((await sendOnce('a', 'key-1')).status).toBe(400);
  });

  it('counts twice when key and identifier were forgotten meanwhile', async () => {
    late(DAY + HOUR, { key: 'free' });
    await expect(sendOnce('a')).rejects.toThrow();
    expect((await sendOnce('a')).status).toBe(200);
    sandbox.simulator.advanceClock(DAY + HOUR);
    expect(await sandbox.counted()).toBe(10);
  });

  it('holds up no other event of the customer and meter', async () => {
    late(60);
    await expect(sendOnce('a')).rejects.toThrow();
    expect((await sendOnce('b')).status).toBe(200);
  });

  it('commits by itself while the clock runs', async () => {
    sandbox.simulator.freezeClock(false);
    late(0.05);
    await expect(sendOnce('a')).rejects.toThrow();
    await expect.poll(() => sandbox.simulator.ledger().length).toBe(1);
  });

  it('is forgotten by a reset', async () => {
    late(60);
    await expect(sendOnce('a')).rejects.toThrow();
    sandbox.simulator.reset();
    sandbox.simulator.advanceClock(HOUR);
    expect(sandbox.simulator.ledger()).toEqual([]);
  });
});
