import { describe, expect, it } from 'vitest';
import { startSimulator } from '../src/index.js';
import { openSandbox, post } from './support/sandbox.js';

const PATH = '/v1/billing/meter_events';

/** Everything of a run that could be left to chance, without the SDK's own random keys. */
async function runOf(seed: number): Promise<unknown> {
  const { simulator, meter, customer } = await openSandbox({
    seed,
    switches: {
      aggregationLagMs: { minMs: 0, maxMs: 100_000 },
      staleReplicaMs: { minMs: 0, maxMs: 50_000 },
      staleReads: { share: 0.5 },
    },
  });
  simulator.addFault({
    match: { path: PATH },
    count: 1000,
    probability: 0.3,
    fault: '503',
  });
  const statuses: number[] = [];
  for (let sent = 0; sent < 20; sent += 1) {
    const payload = `payload[stripe_customer_id]=${customer}&payload[value]=${sent}`;
    statuses.push((await post(simulator, PATH, `event_name=requests&${payload}`)).status);
  }
  simulator.advanceClock(50);
  const events = simulator.ledger();
  await simulator.stop();
  return { meter: meter.id, customer, statuses, events };
}

describe('a seed', () => {
  it('makes two runs the same: ids, faults, lags', async () => {
    expect(await runOf(7)).toEqual(await runOf(7));
  });

  it('makes another run than another seed', async () => {
    expect(await runOf(7)).not.toEqual(await runOf(8));
  });

  it('left out makes no id twice', async () => {
    const [one, other] = [await openSandbox(), await openSandbox()];
    expect(one.meter.id).not.toBe(other.meter.id);
    await Promise.all([one.simulator.stop(), other.simulator.stop()]);
  });

  it('begins anew with a reset', async () => {
    const simulator = await startSimulator({ seed: 7 });
    const create = async () =>
      ((await (await post(simulator, '/v1/customers', '')).json()) as { id: string }).id;
    const before = [await create(), await create()];
    simulator.reset();
    expect([await create(), await create()]).toEqual(before);
    await simulator.stop();
  });
});

describe('simulators', () => {
  it('start and stop by the hundred, each on its own ports', async () => {
    const started = await Promise.all(Array.from({ length: 100 }, () => startSimulator()));
    const urls = started.flatMap(({ url, oracleUrl }) => [url, oracleUrl]);
    expect(new Set(urls).size).toBe(200);
    await Promise.all(started.map((simulator) => simulator.stop()));
    await expect(fetch(started[0]?.oracleUrl ?? '')).rejects.toThrow();
  });
});
