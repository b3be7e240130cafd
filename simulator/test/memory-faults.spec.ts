import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault, PlainFaultName } from '../src/index.js';
import { NOON, openSandbox, oracle, post, type Sandbox } from './support/sandbox.js';

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

describe('prunedKey', () => {
  it('forgets the key at once and remembers the identifier', async () => {
    arm('prunedKey');
    expect((await sendOnce('a')).status).toBe(200);
    const again = await sendOnce('a');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([400, null]);
    expect(await sandbox.counted()).toBe(5);
  });

  it('with the identifier forgotten lets the same request count twice', async () => {
    arm({ kind: 'prunedKey', identifier: 'forgotten' });
    expect((await sendOnce('a')).status).toBe(200);
    const again = await sendOnce('a');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(await sandbox.counted()).toBe(10);
  });

  it('also hides what earlier requests left', async () => {
    await sendOnce('a');
    arm('prunedKey');
    expect((await sendOnce('a')).status).toBe(400);
  });

  it('goes together with a lost response', async () => {
    arm('prunedKey');
    arm('lostResponse');
    await expect(sendOnce('a')).rejects.toThrow();
    const again = await sendOnce('a');
    expect(await again.json()).toMatchObject({
      error: { message: 'An event already exists with identifier a.' },
    });
    expect(await sandbox.counted()).toBe(5);
  });
});

describe('asyncReject', () => {
  it('answers 200, counts nothing, and notes why', async () => {
    arm({ kind: 'asyncReject', code: 'meter_event_customer_not_found', lagMs: 2500 });
    const response = await sendOnce('a');
    expect(response.status).toBe(200);
    expect(await sandbox.counted()).toBe(0);
    const { body } = await oracle(sandbox.simulator, 'GET', '/_sim/ledger');
    expect(body).toMatchObject({
      events: [],
      rejected: [
        {
          code: 'meter_event_customer_not_found',
          meter: sandbox.meter.id,
          request_id: response.headers.get('request-id'),
          idempotency_key: 'key a',
          identifier: 'a',
          received_at: '2026-10-30T12:00:00.000Z',
          rejected_at: '2026-10-30T12:00:02.500Z',
          silent: false,
        },
      ],
    });
  });

  it('can be silent, and its identifier stays taken', async () => {
    arm({ kind: 'asyncReject', silent: true });
    await sendOnce('a');
    expect(sandbox.simulator.rejections()).toMatchObject([{ silent: true }]);
    await sandbox.send('1', { identifier: 'a' }).catch(() => {});
    expect(await sandbox.counted()).toBe(0);
  });

  it('without a meter names none', async () => {
    arm({ kind: 'asyncReject', code: 'no_meter' });
    await sendOnce('a');
    expect(sandbox.simulator.rejections()).toMatchObject([{ code: 'no_meter', meter: null }]);
  });

  it('is not used up by an event that does not count anyway', async () => {
    arm('asyncReject');
    await sandbox.send('x').catch(() => {});
    expect(sandbox.simulator.faults()).toMatchObject([{ hits: 0 }]);
  });
});

describe('aggregationStall', () => {
  it('accepts and shows nothing new, then all', async () => {
    await sendOnce('before');
    arm({ kind: 'aggregationStall', ms: 60_000 });
    for (const identifier of ['a', 'b']) expect((await sendOnce(identifier)).status).toBe(200);
    sandbox.simulator.advanceClock(59.999);
    expect(await sandbox.counted()).toBe(5);
    sandbox.simulator.advanceClock(0.001);
    expect(await sandbox.counted()).toBe(15);
  });

  it('holds up what was received before and not yet shown', async () => {
    sandbox.simulator.setSwitches({ aggregationLagMs: 10_000 });
    await sendOnce('before');
    arm({ kind: 'aggregationStall', ms: 60_000 });
    await sendOnce('a');
    sandbox.simulator.advanceClock(30);
    expect(await sandbox.counted()).toBe(0);
    sandbox.simulator.advanceClock(30);
    expect(await sandbox.counted()).toBe(10);
  });

  it('ends with a flush', async () => {
    arm({ kind: 'aggregationStall', ms: 60_000 });
    await sendOnce('a');
    sandbox.simulator.flush();
    await sendOnce('b');
    expect(await sandbox.counted()).toBe(10);
  });
});

describe('clockSkew', () => {
  it('takes a good timestamp for one of the future, or of a distant past', async () => {
    arm({ kind: 'clockSkew', seconds: -301 });
    const ahead = await sandbox.send('5', { timestamp: NOON }).catch((error: Error) => error);
    expect(ahead).toMatchObject({ statusCode: 400 });
    arm({ kind: 'clockSkew', seconds: 35 * 86_400 + 1 });
    const behind = await sandbox.send('5', { timestamp: NOON }).catch((error: Error) => error);
    expect(behind).toMatchObject({ statusCode: 400 });
    await sandbox.send('5', { timestamp: NOON });
    expect(await sandbox.counted()).toBe(5);
  });

  it('gives an event without a timestamp another time, and delays nothing', async () => {
    arm({ kind: 'clockSkew', seconds: 90 });
    expect((await sandbox.send('5')).timestamp).toBe(NOON + 90);
    expect((await sandbox.send('5')).timestamp).toBe(NOON);
    expect(await sandbox.counted()).toBe(10);
  });
});
