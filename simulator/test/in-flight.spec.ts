import { afterEach, describe, expect, it } from 'vitest';
import type { Switches } from '../src/index.js';
import { errorOf, openSandbox, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

/** Long enough that requests sent together are in flight together. */
const TOGETHER_MS = 500;

async function open(switches: Partial<Switches> = {}): Promise<Sandbox> {
  sandbox = await openSandbox({ switches: { processingMs: TOGETHER_MS, ...switches } });
  return sandbox;
}

/** Sends two events at once and tells how many were accepted. */
async function sendTwo(second: { customer?: string; event_name?: string } = {}) {
  const outcomes = await Promise.allSettled([sandbox.send('1'), sandbox.send('1', second)]);
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

describe('two requests in flight for one customer and meter', () => {
  it.each([
    ['409', 409, 'too_many_concurrent_requests'],
    ['429', 429, 'lock_timeout'],
  ] as const)('end in one event and one %s', async (concurrentSameCustomer, status, code) => {
    const { send, counted } = await open({ concurrentSameCustomer });
    const first = send('1');
    const second = send('1');
    const refused = await errorOf(Promise.all([first, second]));
    await Promise.allSettled([first, second]);
    expect(refused).toMatchObject({ statusCode: status, code });
    expect(refused.headers).not.toHaveProperty('stripe-rate-limited-reason');
    expect(await counted()).toBe(1);
  });

  it('both count when the limit is off', async () => {
    await open({ concurrentSameCustomer: 'allowed' });
    expect(await sendTwo()).toBe(2);
    expect(await sandbox.counted()).toBe(2);
  });
});

describe('requests that may be in flight together', () => {
  it('are those of different customers', async () => {
    const { stripe } = await open();
    const { id } = await stripe.customers.create();
    expect(await sendTwo({ customer: id })).toBe(2);
  });

  it('are those of different meters', async () => {
    const { stripe } = await open();
    await stripe.billing.meters.create({
      display_name: 'Bytes',
      event_name: 'bytes',
      default_aggregation: { formula: 'sum' },
    });
    expect(await sendTwo({ event_name: 'bytes' })).toBe(2);
  });

  it('are not needed by a client that sends one after the other', async () => {
    const { send, counted } = await open({ processingMs: 0 });
    for (let sent = 0; sent < 50; sent += 1) await send('1');
    expect(await counted()).toBe(50);
  });
});
