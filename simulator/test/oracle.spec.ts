import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSimulator, type HourTotal, type LedgerEntry } from '../src/index.js';
import {
  clientOf,
  errorOf,
  HOUR,
  NOON,
  openSandbox,
  oracle,
  type Sandbox,
} from './support/sandbox.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await openSandbox();
});
afterEach(() => sandbox.simulator.stop());

const ask = <Answer>(method: string, path: string, body?: object) =>
  oracle<Answer>(sandbox.simulator, method, `/_sim/${path}`, body);

describe('the ledger', () => {
  type Ledger = { events: LedgerEntry[]; rejected: object[] };

  it('has every counted event in order of receipt, over all accounts', async () => {
    const live = clientOf(sandbox.simulator, 'sk_live_x');
    sandbox.simulator.addCustomer('cus_live', 'sk_live_x');
    await live.billing.meters.create({
      display_name: 'Requests',
      event_name: 'requests',
      default_aggregation: { formula: 'sum' },
    });
    await sandbox.send('1.0');
    const payload = { stripe_customer_id: 'cus_live', value: '2' };
    await live.billing.meterEvents.create({ event_name: 'requests', payload });
    await sandbox.send('3');
    const { events } = (await ask<Ledger>('GET', 'ledger')).body;
    expect(events.map((one) => [one.receipt, one.value, one.livemode])).toEqual([
      [1, '1.0', false],
      [2, '2', true],
      [3, '3', false],
    ]);
  });

  it('is read in parts, by customer and by receipt', async () => {
    for (const value of ['1', '2', '3']) await sandbox.send(value);
    const part = (await ask<Ledger>('GET', 'ledger?after=1&limit=1')).body;
    expect(part.events.map(({ value }) => value)).toEqual(['2']);
    const none = (await ask<Ledger>('GET', 'ledger?customer=cus_none')).body;
    expect(none.events).toEqual([]);
  });
});

describe('the totals', () => {
  it('are exact, by customer and UTC hour', async () => {
    const { customer, send } = sandbox;
    for (let sent = 0; sent < 3; sent += 1) await send('0.1');
    await send('-0.05', { timestamp: NOON - 1 });
    const path = 'totals?event_name=requests';
    const { totals } = (await ask<{ totals: HourTotal[] }>('GET', path)).body;
    const common = { livemode: false, event_name: 'requests', customer };
    expect(totals).toEqual([
      expect.objectContaining({ ...common, hour_start: NOON, total: '0.3', events: 3 }),
      expect.objectContaining({ ...common, hour_start: NOON - HOUR, total: '-0.05', events: 1 }),
    ]);
    const others = (await ask<{ totals: HourTotal[] }>('GET', 'totals?event_name=none')).body;
    expect(others.totals).toEqual([]);
  });
});

describe('the clock', () => {
  type Clock = { now: number; rfc3339: string; frozen: boolean };

  it('stands still when frozen, and moves when told', async () => {
    const read = (await ask<Clock>('GET', 'clock')).body;
    expect(read).toEqual({ now: NOON, rfc3339: '2026-10-30T12:00:00.000Z', frozen: true });
    expect((await ask<Clock>('POST', 'clock', { advance_seconds: 90 })).body.now).toBe(NOON + 90);
    expect((await sandbox.send('1')).created).toBe(NOON + 90);
    expect((await ask<Clock>('POST', 'clock', { now: NOON })).body.now).toBe(NOON);
    const there = { now: '2026-11-01T00:00:00+01:00' };
    expect((await ask<Clock>('POST', 'clock', there)).body.rfc3339).toBe(
      '2026-10-31T23:00:00.000Z',
    );
  });

  it('runs again when it is not frozen any more', async () => {
    const { frozen, now } = (await ask<Clock>('POST', 'clock', { freeze: false })).body;
    expect(frozen).toBe(false);
    expect(now).toBeGreaterThanOrEqual(NOON);
  });

  it('follows the real time when nothing else is said', async () => {
    const simulator = await startSimulator();
    const before = Date.now() / 1000;
    const { now, frozen } = simulator.clock();
    await simulator.stop();
    expect(frozen).toBe(false);
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThan(before + 60);
  });

  it.each([{ now: 'tomorrow' }, { advance_seconds: '60' }])('refuses %j', async (body) => {
    expect((await ask('POST', 'clock', body)).status).toBe(400);
    expect(sandbox.simulator.clock().now).toBe(NOON);
  });
});

describe('the other routes', () => {
  it('script faults, list them and clear them', async () => {
    const match = { method: 'POST', path: '/v1/billing/meter_events' };
    await ask('POST', 'faults', { match, count: 2, fault: '503' });
    expect((await errorOf(sandbox.send('1'))).statusCode).toBe(503);
    const listed = (await ask('GET', 'faults')).body;
    expect(listed).toEqual({ faults: [{ match, fault: { kind: '503' }, remaining: 1, hits: 1 }] });
    await ask('DELETE', 'faults');
    await sandbox.send('1');
  });

  it.each([
    { fault: 'nothing' },
    { count: 1 },
    { fault: '503', match: { verb: 'POST' } },
    { fault: { kind: 'slow' } },
    { fault: '503', count: -1 },
  ])('refuse a script that could never do what it says: %j', async (script) => {
    expect((await ask('POST', 'faults', script)).status).toBe(400);
    expect(sandbox.simulator.faults()).toEqual([]);
  });

  it('flush what waits for aggregation', async () => {
    await ask('POST', 'switches', { aggregationLagMs: 'paused' });
    await sandbox.send('5');
    expect(await sandbox.counted()).toBe(0);
    await ask('POST', 'flush');
    expect(await sandbox.counted()).toBe(5);
  });

  it.each([
    { keyTtlMs: 86_399_999 },
    { identifierWindowMs: 86_399_999 },
    { identifierWindowMs: 'long' },
    { unknownMeter: 'never' },
    { nothing: 1 },
  ])('refuse a switch that Stripe rules out: %j', async (switches) => {
    const before = sandbox.simulator.switches();
    expect((await ask('POST', 'switches', switches)).status).toBe(400);
    expect(sandbox.simulator.switches()).toEqual(before);
  });

  it('make customers with a chosen id, in one account or in all', async () => {
    await ask('POST', 'customers', { id: 'cus_one', key: 'sk_test_one' });
    await ask('POST', 'customers', { id: 'cus_all' });
    const { simulator, stripe } = sandbox;
    const one = clientOf(simulator, 'sk_test_one');
    expect((await one.customers.retrieve('cus_one')).id).toBe('cus_one');
    expect((await one.customers.retrieve('cus_all')).id).toBe('cus_all');
    expect((await stripe.customers.retrieve('cus_all')).id).toBe('cus_all');
    expect((await errorOf(stripe.customers.retrieve('cus_one'))).statusCode).toBe(404);
    expect((await ask('POST', 'customers', { id: 'cus_x', key: 'x' })).status).toBe(400);
  });

  it('reset everything to the start', async () => {
    const { simulator, meter, stripe } = sandbox;
    await sandbox.send('1');
    simulator.addFault({ fault: '503' });
    simulator.setSwitches({ unknownMeter: 'async' });
    simulator.advanceClock(HOUR);
    await ask('POST', 'reset');
    expect(simulator.ledger()).toEqual([]);
    expect(simulator.faults()).toEqual([]);
    expect(simulator.switches().unknownMeter).toBe('sync');
    expect(simulator.clock().now).toBe(NOON);
    expect((await errorOf(stripe.billing.meters.retrieve(meter.id))).statusCode).toBe(404);
  });

  it('know nothing else, and nothing of Stripe', async () => {
    for (const path of ['/_sim/nothing', '/v1/account', '/']) {
      expect((await oracle(sandbox.simulator, 'GET', path)).status).toBe(404);
    }
  });
});
