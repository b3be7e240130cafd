import { describe, expect, it } from 'vitest';
import { accountNameOfKey } from '../../src/stripe/stripe-account.js';
import { EVENT_NAME, PushScene, SECRET_KEY } from '../push/push-scene.js';

describe('the account of a key', () => {
  it('is the one that Stripe names, or the environment', async () => {
    await using scene = await PushScene.open();
    const asked = await scene.process().accounts.of(scene.tenantId);
    expect(asked).toMatchObject({ livemode: false, accountId: expect.stringMatching(/^acct_/) });
    await using other = await PushScene.open({ STRIPE_ACCOUNT_ID: 'acct_said' });
    const said = await other.process().accounts.of(other.tenantId);
    expect(said?.accountId).toBe('acct_said');
  });

  it('stays what it was, whether the environment names it later or no longer', async () => {
    const ACCOUNT = { STRIPE_ACCOUNT_ID: 'acct_said' };
    await using asked = await PushScene.open();
    const first = await asked.process().accounts.of(asked.tenantId);
    const named = await asked.process(ACCOUNT).accounts.of(asked.tenantId);
    expect(named?.accountId).toBe(first?.accountId);
    await using said = await PushScene.open();
    await said.process(ACCOUNT).accounts.of(said.tenantId);
    expect((await said.process().accounts.of(said.tenantId))?.accountId).toBe('acct_said');
  });

  it('keeps its first name: one made from the key holds where Stripe names it only later', async () => {
    await using scene = await PushScene.open();
    const made = accountNameOfKey(SECRET_KEY);
    await scene.db.work.query(
      `INSERT INTO stripe_account_identity (tenant_id, key_digest, account_id) VALUES ($1, '\\x00', $2)`,
      [scene.tenantId, made],
    );
    expect((await scene.process().accounts.of(scene.tenantId))?.accountId).toBe(made);
  });

  it('has one name for all its keys of a mode, restricted and rolled ones too', () => {
    const name = accountNameOfKey('sk_live_51AccountAccount00rest');
    expect(accountNameOfKey('rk_live_51AccountAccount00other')).toBe(name);
    expect(accountNameOfKey('sk_test_51AccountAccount00rest')).not.toBe(name);
    expect(accountNameOfKey('sk_live_51AnotherAccount00rest')).not.toBe(name);
  });

  it('is not guessed while Stripe does not answer', async () => {
    await using scene = await PushScene.open({ STRIPE_API_BASE: 'http://127.0.0.1:1' });
    const { accounts } = scene.process();
    await expect(accounts.of(scene.tenantId)).rejects.toThrow('Stripe did not name its account');
    const rows = await scene.db.work.query('SELECT 1 FROM stripe_account_identity');
    expect(rows).toEqual([]);
  });
});

describe('the check of a mapping', () => {
  it('tells what stands at Stripe, or the problem', async () => {
    await using scene = await PushScene.open();
    const check = (env = {}) => scene.process(env).meters.check(scene.tenantId, EVENT_NAME);
    expect(await check({ STRIPE_SECRET_KEY: '' })).toEqual({ problem: 'stripe_not_configured' });
    expect(await check({ STRIPE_API_BASE: 'http://127.0.0.1:1' })).toEqual({
      problem: 'stripe_unavailable',
    });
    expect(await check()).toEqual({ problem: 'meter_not_found' });
    const { id } = await scene.stripeMeter();
    expect(await check()).toEqual({ meter: id, formula: 'sum', status: 'active' });
    await scene.stripe(`/v1/billing/meters/${id}/deactivate`, new URLSearchParams());
    expect(await check()).toEqual({ meter: id, formula: 'sum', status: 'inactive' });
  });
});

describe('what was read of a meter', () => {
  it('is believed for five minutes, by every process', async () => {
    await using scene = await PushScene.open();
    const { id } = await scene.stripeMeter();
    const find = async () => {
      const { accounts, meters } = scene.process();
      const account = await accounts.of(scene.tenantId);
      return meters.find(scene.tenantId, account!, EVENT_NAME);
    };
    expect(await find()).toMatchObject({ status: 'active', customerKey: 'stripe_customer_id' });
    await scene.stripe(`/v1/billing/meters/${id}/deactivate`, new URLSearchParams());
    expect(await find()).toMatchObject({ status: 'active' });
    await scene.db.work.query(`UPDATE stripe_meter SET read_at = read_at - interval '5 minutes'`);
    expect(await find()).toMatchObject({ status: 'inactive' });
  });

  it('is read to the last page', async () => {
    await using scene = await PushScene.open();
    for (let no = 0; no < 103; no++) {
      await scene.stripe(
        '/v1/billing/meters',
        new URLSearchParams({
          display_name: 'm',
          event_name: `meter_${no}`,
          'default_aggregation[formula]': 'sum',
        }),
      );
    }
    const { accounts, meters } = scene.process();
    const account = await accounts.of(scene.tenantId);
    expect(await meters.find(scene.tenantId, account!, 'meter_0')).toMatchObject({
      formula: 'sum',
    });
    const rows = await scene.db.work.query('SELECT 1 FROM stripe_meter');
    expect(rows).toHaveLength(103);
  });
});

describe('the client', () => {
  it('calls once, also where the connection is closed without an answer', async () => {
    await using scene = await PushScene.open();
    await scene.stripeMeter();
    scene.simulator.addFault({
      match: { path: '/v1/billing/meter_events' },
      fault: 'lostResponse',
    });
    const { accounts } = scene.process();
    const { client } = (await accounts.of(scene.tenantId))!;
    const event = {
      event_name: EVENT_NAME,
      payload: { stripe_customer_id: 'cus_1', value: '1' },
      identifier: 'once',
    };
    await expect(client.billing.meterEvents.create(event)).rejects.toThrow('connection');
    expect(scene.simulator.ledger()).toMatchObject([{ identifier: 'once', attempts: 1 }]);
  });
});
