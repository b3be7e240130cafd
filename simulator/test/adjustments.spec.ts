import { afterEach, describe, expect, it } from 'vitest';
import type { Switches } from '../src/index.js';
import { DAY, errorOf, openSandbox, post, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

async function open(switches: Partial<Switches> = {}): Promise<Sandbox> {
  sandbox = await openSandbox({ switches });
  await sandbox.send('5', { identifier: 'wrong' });
  await sandbox.send('2', { identifier: 'right' });
  return sandbox;
}

function cancel(identifier = 'wrong', event_name = 'requests') {
  return sandbox.stripe.billing.meterEventAdjustments.create({
    event_name,
    type: 'cancel',
    cancel: { identifier },
  });
}

describe('a cancellation', () => {
  it('takes the event out of sums, and is answered without an id', async () => {
    const { counted, simulator } = await open();
    expect(await cancel()).toEqual({
      object: 'billing.meter_event_adjustment',
      cancel: { identifier: 'wrong' },
      event_name: 'requests',
      livemode: false,
      status: 'complete',
      type: 'cancel',
    });
    expect(await counted()).toBe(2);
    expect(simulator.ledger().map(({ cancelled }) => cancelled)).toEqual([true, false]);
    expect(simulator.totals()).toEqual([expect.objectContaining({ total: '2', events: 1 })]);
  });

  it('can be pending until the aggregation lag has passed', async () => {
    const { counted, simulator } = await open({
      adjustmentStatus: 'pending',
      aggregationLagMs: 60_000,
    });
    simulator.flush();
    expect((await cancel()).status).toBe('pending');
    simulator.advanceClock(59.999);
    expect(await counted()).toBe(7);
    simulator.advanceClock(0.001);
    expect(await counted()).toBe(2);
  });

  it('is possible until just before 24 hours after receipt', async () => {
    const { counted, simulator } = await open();
    simulator.advanceClock(DAY - 0.001);
    await cancel();
    expect(await counted()).toBe(2);
    simulator.advanceClock(0.001);
    expect((await errorOf(cancel('right'))).statusCode).toBe(400);
    expect(await counted()).toBe(2);
  });

  it.each([
    ['an unknown identifier', 'nothing', 'requests'],
    ['another event name', 'wrong', 'other'],
  ])('of %s is refused, or accepted without effect', async (_case, identifier, eventName) => {
    const { counted, simulator } = await open();
    expect((await errorOf(cancel(identifier, eventName))).statusCode).toBe(400);
    simulator.setSwitches({ cancelUnknownIdentifier: 'accept' });
    expect((await cancel(identifier, eventName)).status).toBe('complete');
    expect(await counted()).toBe(7);
  });

  it('of a cancelled event is refused, or accepted without effect', async () => {
    const { counted, simulator } = await open();
    await cancel();
    expect((await errorOf(cancel())).statusCode).toBe(400);
    simulator.setSwitches({ cancelTwice: 'accept' });
    await cancel();
    expect(await counted()).toBe(2);
  });

  it('leaves the identifier taken, or frees it', async () => {
    const { counted, simulator, send } = await open();
    await cancel();
    expect((await errorOf(send('3', { identifier: 'wrong' }))).statusCode).toBe(400);
    simulator.setSwitches({ cancelledIdentifier: 'free' });
    await send('3', { identifier: 'wrong' });
    expect(await counted()).toBe(5);
  });

  it.each([
    'event_name=requests&type=cancel',
    'event_name=requests&type=undo&cancel[identifier]=x',
  ])('needs its parameters: %s', async (body) => {
    const { simulator } = await open();
    const path = '/v1/billing/meter_event_adjustments';
    expect((await post(simulator, path, body)).status).toBe(400);
  });
});
