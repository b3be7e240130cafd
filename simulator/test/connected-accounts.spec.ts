import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatorOptions } from '../src/index.js';
import { clientOf, errorOf, openSandbox, oracle, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

const PLATFORM = 'sk_live_platform';
const ON_SHOP = { stripeAccount: 'acct_shop' };
const NEARLY_NEVER = 0.001;

async function open(options: SimulatorOptions = {}): Promise<Sandbox> {
  const connectedAccounts = { [PLATFORM]: ['acct_shop'] };
  sandbox = await openSandbox({ connectedAccounts, autoCustomers: true, ...options });
  return sandbox;
}

const METER = {
  display_name: 'Requests',
  event_name: 'requests',
  default_aggregation: { formula: 'sum' },
} as const;
const EVENT = { event_name: 'requests', payload: { stripe_customer_id: 'cus_1', value: '3' } };

describe('a platform with Stripe-Account', () => {
  it('works on the connected account, whose own key sees the same', async () => {
    const { simulator } = await open({ accounts: { sk_live_shop: 'acct_shop' } });
    const platform = clientOf(simulator, PLATFORM);
    const meter = await platform.billing.meters.create(METER, ON_SHOP);
    await platform.billing.meterEvents.create(EVENT, ON_SHOP);
    expect(await platform.accounts.retrieveCurrent({}, ON_SHOP)).toMatchObject({ id: 'acct_shop' });
    expect(simulator.ledger()).toMatchObject([{ account: 'acct_shop', livemode: true }]);
    const shop = clientOf(simulator, 'sk_live_shop');
    expect(await shop.billing.meters.retrieve(meter.id)).toMatchObject({ id: meter.id });
    expect((await errorOf(platform.billing.meters.retrieve(meter.id))).statusCode).toBe(404);
  });

  it('is refused on an account that it is not connected to', async () => {
    const { simulator } = await open();
    const platform = clientOf(simulator, PLATFORM);
    const stranger = { stripeAccount: 'acct_stranger' };
    const error = await errorOf(platform.billing.meterEvents.create(EVENT, stranger));
    expect(error).toMatchObject({
      type: 'StripePermissionError',
      statusCode: 403,
      code: 'account_invalid',
    });
    const other = clientOf(simulator, 'sk_live_other');
    expect((await errorOf(other.billing.meterEvents.create(EVENT, ON_SHOP))).statusCode).toBe(403);
  });

  it('may name its own account', async () => {
    const { simulator } = await open();
    const platform = clientOf(simulator, PLATFORM);
    const { id } = await platform.accounts.retrieveCurrent();
    const own = await platform.accounts.retrieveCurrent({}, { stripeAccount: id });
    expect(own.id).toBe(id);
  });

  it('can be connected while the simulator runs', async () => {
    const { simulator } = await open();
    const platform = clientOf(simulator, PLATFORM);
    const late = { stripeAccount: 'acct_late' };
    const order = { key: PLATFORM, account: 'acct_late' };
    await oracle(simulator, 'POST', '/_sim/connected-accounts', order);
    await platform.billing.meters.create(METER, late);
    await platform.billing.meterEvents.create(EVENT, late);
    expect(simulator.ledger()).toMatchObject([{ account: 'acct_late' }]);
  });

  it('sends meter events under the overall limit, not under their own', async () => {
    const { simulator } = await open({
      rateLimits: { overallLive: 2, meterEventsLive: NEARLY_NEVER, perEndpoint: Infinity },
    });
    const platform = clientOf(simulator, PLATFORM);
    await platform.billing.meters.create(METER, ON_SHOP);
    await platform.billing.meterEvents.create(EVENT, ON_SHOP);
    const sent = Array.from({ length: 10 }, () =>
      platform.billing.meterEvents.create({ ...EVENT }, ON_SHOP),
    );
    const refusals = (await Promise.allSettled(sent)).flatMap((one) =>
      one.status === 'rejected' ? [one.reason as { headers: object; statusCode: number }] : [],
    );
    const limited = refusals.filter(({ statusCode }) => statusCode === 429);
    expect(limited[0]?.headers).toMatchObject({ 'stripe-rate-limited-reason': 'global-rate' });
  });
});

describe('a restricted key', () => {
  it('works as a key of its mode', async () => {
    const { simulator } = await open();
    const test = clientOf(simulator, 'rk_test_x');
    const live = clientOf(simulator, 'rk_live_x');
    expect(await test.customers.create()).toMatchObject({ livemode: false });
    expect(await live.customers.create()).toMatchObject({ livemode: true });
  });

  it('may be unable to read the account, which a secret key reads', async () => {
    const accounts = { sk_test_a: 'acct_a', rk_test_a: 'acct_a' };
    const { simulator } = await open({ accounts, switches: { accountRead: 'secret_keys' } });
    const [secret, restricted] = [
      clientOf(simulator, 'sk_test_a'),
      clientOf(simulator, 'rk_test_a'),
    ];
    expect(await secret.accounts.retrieveCurrent()).toMatchObject({ id: 'acct_a' });
    const error = await errorOf(restricted.accounts.retrieveCurrent());
    expect(error).toMatchObject({ type: 'StripePermissionError', statusCode: 403 });
    simulator.setSwitches({ accountRead: 'none' });
    expect((await errorOf(secret.accounts.retrieveCurrent())).statusCode).toBe(403);
    simulator.setSwitches({ accountRead: 'every_key' });
    expect(await restricted.accounts.retrieveCurrent()).toMatchObject({ id: 'acct_a' });
  });
});
