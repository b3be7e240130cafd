import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatorOptions, Switches } from '../src/index.js';
import { HOUR, NOON, openSandbox, totalOf, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

async function open(switches: Partial<Switches>, options: SimulatorOptions = {}): Promise<Sandbox> {
  sandbox = await openSandbox({ switches, ...options });
  return sandbox;
}

/** Reads so many times what the summaries say. */
async function reads(count: number): Promise<number[]> {
  const totals: number[] = [];
  for (let read = 0; read < count; read += 1) totals.push(await sandbox.counted());
  return totals;
}

describe('stale summary reads', () => {
  it('are every n-th, and step back', async () => {
    const { simulator, send } = await open({ staleReplicaMs: 60_000, staleReads: { every: 3 } });
    await send('5');
    simulator.advanceClock(30);
    expect(await reads(6)).toEqual([5, 5, 0, 5, 5, 0]);
    simulator.advanceClock(30);
    expect(await reads(3)).toEqual([5, 5, 5]);
  });

  it('may be all of them', async () => {
    const { send } = await open({ staleReplicaMs: 60_000, staleReads: { every: 1 } });
    await send('5');
    expect(await reads(3)).toEqual([0, 0, 0]);
  });

  it('may be a share of them, the same for the same seed', async () => {
    const sample = async (seed: number) => {
      const { send } = await open({ staleReplicaMs: 60_000, staleReads: { share: 0.5 } }, { seed });
      await send('1');
      const totals = await reads(40);
      await sandbox.simulator.stop();
      return totals;
    };
    const [first, again, other] = [await sample(7), await sample(7), await sample(8)];
    await open({});
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect(new Set(first)).toEqual(new Set([0, 1]));
  });

  it('may each look back differently far', async () => {
    const { simulator, send } = await open({
      staleReplicaMs: { minMs: 0, maxMs: 10_000 },
      staleReads: { every: 1 },
    });
    for (let sent = 0; sent < 10; sent += 1) {
      await send('1');
      simulator.advanceClock(1);
    }
    const totals = await reads(30);
    expect(new Set(totals).size).toBeGreaterThan(3);
    const stepsBack = totals.some((total, index) => total < (totals[index - 1] ?? 0));
    expect(stepsBack).toBe(true);
  });

  it('also forget a cancellation', async () => {
    const { simulator, send, stripe } = await open({
      staleReplicaMs: 60_000,
      staleReads: { every: 2 },
    });
    await send('5', { identifier: 'a' });
    simulator.advanceClock(HOUR);
    const cancel = { identifier: 'a' };
    const params = { event_name: 'requests', type: 'cancel', cancel } as const;
    await stripe.billing.meterEventAdjustments.create(params);
    expect(await reads(2)).toEqual([0, 5]);
  });

  it.each([
    { staleReads: { every: 0 } },
    { staleReads: { every: 1.5 } },
    { staleReads: { share: 2 } },
    { staleReplicaMs: { minMs: 5, maxMs: 4 } },
    { aggregationLagMs: { minMs: -1, maxMs: 4 } },
    { aggregationLagMs: 'soon' },
  ])('are refused when they make no sense: %j', async (switches) => {
    await open({});
    expect(() => sandbox.simulator.setSwitches(switches as Partial<Switches>)).toThrow(RangeError);
  });
});

describe('an aggregation lag drawn from a range', () => {
  it('shows events out of order, all of them in the end, and never early', async () => {
    const { simulator, send } = await open({
      aggregationLagMs: { minMs: 10_000, maxMs: 100_000 },
    });
    for (let sent = 0; sent < 12; sent += 1) await send('1');
    simulator.advanceClock(9.999);
    expect(await sandbox.counted()).toBe(0);
    simulator.advanceClock(40);
    const shown = simulator.ledger().map((one) => one.in_summaries);
    expect(shown.indexOf(true)).toBeGreaterThanOrEqual(0);
    expect(shown.lastIndexOf(true)).toBeGreaterThan(shown.indexOf(false));
    simulator.advanceClock(50.001);
    expect(await sandbox.counted()).toBe(12);
  });
});

describe('a meter that takes the last event', () => {
  const values = [
    ['1', NOON - 60],
    ['2', NOON],
    ['3', NOON],
    ['4', NOON - 30],
  ] as const;

  it.each([
    ['last', 3],
    ['first', 2],
  ] as const)(
    'takes of those with one timestamp the one received %s',
    async (lastTie, expected) => {
      const { stripe, customer, send } = await open({ lastTie });
      const meter = await stripe.billing.meters.create({
        display_name: 'Seats',
        event_name: 'seats',
        default_aggregation: { formula: 'last' },
      });
      for (const [value, timestamp] of values)
        await send(value, { event_name: 'seats', timestamp });
      expect(await totalOf(stripe, meter.id, customer)).toBe(expected);
    },
  );
});

describe('a meter with an event time window', () => {
  it.each([
    ['hour', 2 + 30],
    ['day', 30],
  ] as const)('keeps of each UTC %s the event received last', async (window, expected) => {
    const { stripe, customer, send } = await open({});
    const meter = await stripe.billing.meters.create({
      display_name: 'Storage',
      event_name: 'storage',
      default_aggregation: { formula: 'sum' },
      event_time_window: window,
    });
    const at = (value: string, timestamp: number) =>
      send(value, { event_name: 'storage', timestamp });
    await at('1', NOON - HOUR + 1);
    await at('2', NOON - 1);
    await at('20', NOON + 30);
    // Received later, though of an earlier instant.
    await at('30', NOON + 10);
    expect(await totalOf(stripe, meter.id, customer)).toBe(expected);
  });
});
