import { randomBytes, randomUUID } from 'node:crypto';
import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import { startTestApp, type TestApp } from '../support/app.js';

const KEY = 'sk_test_51PlatformPlatform0one';
const LIVE_KEY = 'sk_live_51PlatformPlatform0two';
const CONNECTED = 'acct_connected';
const WEBHOOK_SECRET = 'whsec_never_shown';
const PATH = '/v1/stripe-account';

let simulator: Simulator;
let test: TestApp;
beforeAll(async () => {
  simulator = await startSimulator({
    accounts: { [KEY]: 'acct_platform', [LIVE_KEY]: 'acct_platform' },
    connectedAccounts: { [KEY]: [CONNECTED] },
  });
  test = await startTestApp({
    STRIPE_API_BASE: simulator.url,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  });
});
afterAll(async () => {
  await test[Symbol.asyncDispose]();
  await simulator.stop();
});
afterEach(() => test.call('DELETE', PATH));

async function tenantId(): Promise<string> {
  return (await test.app.get(TenantService).byName('default'))!.tenantId;
}

async function gateVersion(): Promise<string> {
  const { rows } = await test.pool.query<{ v: string }>(
    `SELECT gate_version AS v FROM tenant WHERE name = 'default'`,
  );
  return rows[0]!.v;
}

describe('the Stripe account of a tenant', () => {
  it('is set, shown without its secrets, and removed', async () => {
    expect(await test.call('GET', PATH)).toMatchObject({
      status: 404,
      body: { code: 'stripe_account_not_found' },
    });
    const put = await test.call('PUT', PATH, {
      secret_key: KEY,
      webhook_secrets: [WEBHOOK_SECRET, 'whsec_b'],
    });
    const shown = {
      account_id: 'acct_platform',
      livemode: false,
      secret_key_last4: '0one',
      webhook_secret_count: 2,
      stripe_account: null,
    };
    expect(put).toMatchObject({ status: 200 });
    expect(put.body).toEqual(shown);
    expect((await test.call('GET', PATH)).body).toEqual(shown);
    expect((await test.call('DELETE', PATH)).status).toBe(204);
    expect((await test.call('GET', PATH)).status).toBe(404);
    expect((await test.call('DELETE', PATH)).status).toBe(404);
  });

  it('is nowhere in the database in clear text', async () => {
    await test.call('PUT', PATH, { secret_key: KEY, webhook_secrets: [WEBHOOK_SECRET] });
    const { rows } = await test.pool.query('SELECT a::text AS row FROM stripe_account a');
    expect(rows).toHaveLength(1);
    const text = JSON.stringify(rows);
    for (const part of [KEY, KEY.slice(8, -4), WEBHOOK_SECRET, 'never_shown']) {
      expect(text).not.toContain(part);
    }
  });

  it('keeps what a request does not name, and clears what is null', async () => {
    await test.call('PUT', PATH, { secret_key: KEY, webhook_secrets: [WEBHOOK_SECRET] });
    const connected = await test.call('PUT', PATH, { stripe_account: CONNECTED });
    expect(connected.body).toMatchObject({
      account_id: CONNECTED,
      stripe_account: CONNECTED,
      secret_key_last4: '0one',
      webhook_secret_count: 1,
    });
    const cleared = await test.call('PUT', PATH, { stripe_account: null, webhook_secrets: null });
    expect(cleared.body).toMatchObject({
      account_id: 'acct_platform',
      stripe_account: null,
      webhook_secret_count: 0,
    });
  });

  it('is the one that calls go to, with the connected account in a header', async () => {
    await test.call('PUT', PATH, { secret_key: KEY, stripe_account: CONNECTED });
    const account = await test.app.get(StripeAccounts).of(await tenantId());
    expect(account).toMatchObject({ accountId: CONNECTED, isConnected: true, livemode: false });
    expect((await account!.client.accounts.retrieveCurrent()).id).toBe(CONNECTED);
  });

  it('raises the version of the gate, so that pushes are planned again', async () => {
    const before = await gateVersion();
    await test.call('PUT', PATH, { secret_key: KEY });
    const after = await gateVersion();
    expect(Number(after)).toBe(Number(before) + 1);
    await test.call('DELETE', PATH);
    expect(Number(await gateVersion())).toBe(Number(after) + 1);
  });

  it('is asked for at Stripe first, and nothing changes where Stripe refuses', async () => {
    await test.call('PUT', PATH, { secret_key: KEY });
    const refused = await test.call('PUT', PATH, { stripe_account: 'acct_stranger' });
    expect(refused).toMatchObject({ status: 422, body: { code: 'stripe_key_refused' } });
    expect((await test.call('GET', PATH)).body).toMatchObject({ account_id: 'acct_platform' });
  });

  it.each([
    [{}, '/secret_key', 'required'],
    [{ webhook_secrets: ['whsec_a'] }, '/secret_key', 'required'],
    [{ secret_key: null }, '/secret_key', 'invalid_type'],
    [{ secret_key: 'pk_test_1' }, '/secret_key', 'invalid'],
    [{ secret_key: KEY, webhook_secrets: 'whsec_a' }, '/webhook_secrets', 'invalid_type'],
    [{ secret_key: KEY, webhook_secrets: ['a'] }, '/webhook_secrets', 'invalid'],
    [{ secret_key: KEY, stripe_account: 'cus_1' }, '/stripe_account', 'invalid'],
    [{ secret_key: KEY, livemode: true }, '/livemode', 'unknown_field'],
  ])('refuses %j', async (body, pointer, code) => {
    const answer = await test.call('PUT', PATH, body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ pointer, code }]);
    expect(answer.text).not.toContain(KEY);
  });

  it('is not for keys without the scope admin', async () => {
    const keys = test.app.get(ApiKeyService);
    const { text } = await keys.create(await tenantId(), 'all but one', [
      'usage:write',
      'usage:adjust',
      'usage:read',
      'billing:write',
    ]);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await test.call(method, PATH, method === 'PUT' ? {} : undefined, {
        authorization: `Bearer ${text}`,
      });
      expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
    }
  });

  it('ends the test clock where it is a live one, and keeps it from being set', async () => {
    const now = '2027-01-01T00:00:00Z';
    expect((await test.call('POST', '/v1/test-clock', { now })).status).toBe(200);
    expect((await test.call('PUT', PATH, { secret_key: LIVE_KEY })).body.livemode).toBe(true);
    const { rows } = await test.pool.query(
      `SELECT clock_offset_micros AS offset FROM tenant WHERE name = 'default'`,
    );
    expect(Number(rows[0].offset)).toBe(0);
    expect(await test.call('POST', '/v1/test-clock', { now })).toMatchObject({
      body: { code: 'test_clock_live' },
    });
  });

  it('does not decrypt where its row was moved to, or altered', async () => {
    await test.call('PUT', PATH, { secret_key: KEY, webhook_secrets: [WEBHOOK_SECRET] });
    const other = await test.app.get(TenantService).create(`other ${randomUUID()}`);
    await test.pool.query('UPDATE stripe_account SET tenant_id = $1', [other]);
    const accounts = test.app.get(StripeAccounts);
    await expect(accounts.of(other)).rejects.toMatchObject({
      isRefusal: true,
      message: expect.stringContaining('was altered'),
    });
    await expect(accounts.webhookSecrets(other)).rejects.toThrow('was altered');
    await test.pool.query('DELETE FROM stripe_account');
  });

  it('is another key under the same name where a key that may not read its account takes over', async () => {
    const restricted = 'rk_test_51PlatformPlatform0new';
    await using shy = await startTestApp({
      STRIPE_API_BASE: simulator.url,
      ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    });
    await shy.call('PUT', PATH, { secret_key: KEY });
    simulator.setSwitches({ accountRead: 'secret_keys' });
    try {
      const rolled = await shy.call('PUT', PATH, { secret_key: restricted });
      expect(rolled.body).toMatchObject({ account_id: 'acct_platform', secret_key_last4: '0new' });
    } finally {
      simulator.setSwitches({ accountRead: 'every_key' });
    }
  });
});

describe('without ENCRYPTION_KEY', () => {
  it('a Stripe account cannot be set, and the answer says what to do', async () => {
    await using bare = await startTestApp({ STRIPE_API_BASE: simulator.url });
    const answer = await bare.call('PUT', PATH, { secret_key: KEY });
    expect(answer).toMatchObject({ status: 503, body: { code: 'encryption_key_missing' } });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect((await bare.call('GET', PATH)).status).toBe(404);
  });
});

describe('where Stripe is not reached', () => {
  it('nothing is set', async () => {
    await using cut = await startTestApp({
      STRIPE_API_BASE: 'http://127.0.0.1:1',
      ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    });
    const answer = await cut.call('PUT', PATH, { secret_key: KEY });
    expect(answer).toMatchObject({ status: 503, body: { code: 'stripe_unavailable' } });
    expect((await cut.call('GET', PATH)).status).toBe(404);
  });
});
