import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../src/index.js';
import { clientOf, errorOf, NOON, openSandbox, oracle, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await openSandbox();
});
afterEach(() => sandbox.simulator.stop());

const order = (body: object) =>
  oracle<LedgerEntry>(sandbox.simulator, 'POST', '/_sim/foreign-events', {
    event_name: 'requests',
    customer: sandbox.customer,
    value: '7',
    ...body,
  });

describe('an event of a foreign writer', () => {
  it('counts beside those of the client, and says that it is foreign', async () => {
    await sandbox.send('5', { identifier: 'ours' });
    const { status, body } = await order({ timestamp: NOON - 60, identifier: 'theirs' });
    expect([status, body.foreign, body.timestamp]).toEqual([200, true, NOON - 60]);
    expect(await sandbox.counted()).toBe(12);
    const ledger = sandbox.simulator.ledger().map((one) => [one.identifier, one.foreign]);
    expect(ledger).toEqual([
      ['ours', false],
      ['theirs', true],
    ]);
  });

  it('can take the identifier of the client first', async () => {
    await order({ identifier: 'ours' });
    const error = await errorOf(sandbox.send('5', { identifier: 'ours' }));
    expect(error.message).toBe('An event already exists with identifier ours.');
    expect(await sandbox.counted()).toBe(7);
  });

  it('waits for aggregation like any other', async () => {
    sandbox.simulator.setSwitches({ aggregationLagMs: 5000 });
    await order({});
    expect(await sandbox.counted()).toBe(0);
    sandbox.simulator.advanceClock(5);
    expect(await sandbox.counted()).toBe(7);
  });

  it('needs the account once there are several', async () => {
    const { id } = await clientOf(sandbox.simulator, 'sk_test_b').accounts.retrieveCurrent();
    expect((await order({})).status).toBe(400);
    expect((await order({ account: id })).status).toBe(400);
    const own = (await sandbox.stripe.accounts.retrieveCurrent()).id;
    expect((await order({ account: own })).status).toBe(200);
  });

  it.each([
    { event_name: 'none' },
    { customer: 'cus_none' },
    { value: 'much' },
    { value: 7 },
    { value: undefined },
    { timestamp: 'now' },
    { colour: 'red' },
  ])('is refused when it cannot be one: %j', async (body) => {
    expect((await order(body)).status).toBe(400);
    expect(sandbox.simulator.ledger()).toEqual([]);
  });
});

describe('the ledger', () => {
  it('says of each event whether summaries count it now', async () => {
    sandbox.simulator.setSwitches({ aggregationLagMs: 5000 });
    await sandbox.send('5', { identifier: 'a' });
    const shown = () => sandbox.simulator.ledger().map((one) => one.in_summaries);
    expect(shown()).toEqual([false]);
    sandbox.simulator.advanceClock(5);
    expect(shown()).toEqual([true]);
    await sandbox.stripe.billing.meterEventAdjustments.create({
      event_name: 'requests',
      type: 'cancel',
      cancel: { identifier: 'a' },
    });
    expect(shown()).toEqual([false]);
  });
});
