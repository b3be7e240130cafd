import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { StripeAccountService } from '../../src/stripe/stripe-account.service.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import { NOVEMBER } from '../push/due-push.js';
import type { PushProcess } from '../push/push-process.js';
import { EVENT_NAME, PushScene } from '../push/push-scene.js';

const DECEMBER = '2026-12-01T00:00:00Z';
const FIRST = 'sk_test_51AccountOfAlice00one';
const ROLLED = 'rk_test_51AccountOfAlice00two';
const OTHER = 'sk_test_51AccountOfBob0000one';
const ACCOUNTS = { [FIRST]: 'acct_alice', [ROLLED]: 'acct_alice', [OTHER]: 'acct_bob' };

/** A tenant without a Stripe account in its environment, and a meter at Stripe in both accounts. */
async function open(): Promise<{
  scene: PushScene;
  accounts: StripeAccountService;
  process(): PushProcess;
}> {
  const encryptionKey = randomBytes(32).toString('base64');
  const env = { STRIPE_SECRET_KEY: '', ENCRYPTION_KEY: encryptionKey };
  const scene = await PushScene.open(env, { accounts: ACCOUNTS });
  for (const key of [FIRST, OTHER]) await stripeMeter(scene, key);
  await scene.meter();
  await scene.customer();
  await scene.period(NOVEMBER, DECEMBER);
  await scene.now('2026-11-10T12:30:20Z');
  const config = loadConfig({ ...env, STRIPE_API_BASE: scene.simulator.url });
  const accounts = new StripeAccountService(scene.db, config, new StripeAccounts(scene.db, config));
  return { scene, accounts, process: () => scene.process() };
}

async function stripeMeter(scene: PushScene, key: string): Promise<void> {
  const answer = await fetch(`${scene.simulator.url}/v1/billing/meters`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: new URLSearchParams({
      display_name: 'Calls',
      event_name: EVENT_NAME,
      'default_aggregation[formula]': 'sum',
    }),
  });
  expect(answer.status).toBe(200);
}

/** What a worker does in its rounds: looks for changes, plans, sends. */
async function rounds(scene: PushScene, process: PushProcess): Promise<void> {
  const [tenant] = await scene.db.work.query<{ version: number }>(
    'SELECT gate_version AS version FROM tenant',
  );
  await process.changes.tick(scene.tenantId, tenant!.version);
  await process.worker.drain(scene.tenantId);
}

function counted(scene: PushScene, account: string): string[] {
  return scene.simulator
    .ledger()
    .filter((entry) => entry.account === account)
    .map(({ value }) => value);
}

describe('pushes of a tenant whose Stripe account changes', () => {
  it('are held without one, and go out once there is one, in every process', async () => {
    const { scene, accounts, process } = await open();
    await using _ = scene;
    const worker = process();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER, worker);
    expect(await scene.holds()).toEqual({ stripe_not_configured: '10' });
    await accounts.put(scene.tenantId, { secretKey: FIRST });
    await rounds(scene, worker);
    expect(counted(scene, 'acct_alice')).toEqual(['10']);
    expect(await scene.holds()).toEqual({});
  });

  it.each(['every_key', 'secret_keys'] as const)(
    'are not sent again where the key is merely rolled (account shown to %s)',
    async (accountRead) => {
      const { scene, accounts, process } = await open();
      await using _ = scene;
      scene.simulator.setSwitches({ accountRead });
      const worker = process();
      await accounts.put(scene.tenantId, { secretKey: FIRST });
      await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
      await scene.plan(NOVEMBER, worker);
      await rounds(scene, worker);
      await accounts.put(scene.tenantId, { secretKey: ROLLED });
      await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '5');
      await scene.plan(NOVEMBER, worker);
      await rounds(scene, worker);
      await scene.plan(NOVEMBER);
      await rounds(scene, process());
      expect(counted(scene, 'acct_alice').toSorted()).toEqual(['10', '5']);
    },
  );

  it('go whole to the other account, those that wait for the one before as well', async () => {
    const { scene, accounts, process } = await open();
    await using _ = scene;
    const worker = process();
    await accounts.put(scene.tenantId, { secretKey: FIRST });
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER, worker);
    await rounds(scene, worker);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '5');
    await scene.plan(NOVEMBER, worker);
    expect(await scene.pushes()).toMatchObject([{ status: 'delivered' }, { status: 'pending' }]);

    await accounts.put(scene.tenantId, { secretKey: OTHER });
    await rounds(scene, worker);
    expect(counted(scene, 'acct_alice')).toEqual(['10']);
    expect(counted(scene, 'acct_bob').toSorted()).toEqual(['10', '5']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ value: '15' });
  });

  it('wait once it is removed', async () => {
    const { scene, accounts, process } = await open();
    await using _ = scene;
    const worker = process();
    await accounts.put(scene.tenantId, { secretKey: FIRST });
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER, worker);
    await accounts.remove(scene.tenantId);
    await rounds(scene, worker);
    expect(scene.counted()).toEqual([]);
    expect(await scene.pushes()).toMatchObject([{ status: 'pending', value: '10' }]);
    await accounts.put(scene.tenantId, { secretKey: OTHER });
    await rounds(scene, worker);
    expect(counted(scene, 'acct_alice')).toEqual([]);
    expect(counted(scene, 'acct_bob')).toEqual(['10']);
  });

  it('wait where its key cannot be decrypted, and say so', async () => {
    const { scene, accounts } = await open();
    await using _ = scene;
    await accounts.put(scene.tenantId, { secretKey: FIRST });
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    const forgetful = scene.process({ ENCRYPTION_KEY: randomBytes(32).toString('hex') });
    await scene.plan(NOVEMBER, forgetful);
    expect(await scene.holds()).toEqual({ stripe_refused: '10' });
    await rounds(scene, scene.process());
    expect(counted(scene, 'acct_alice')).toEqual(['10']);
  });
});

describe('the account of a tenant', () => {
  it('changes in every process within seconds, and keeps its client until then', async () => {
    const { scene, accounts, process } = await open();
    await using _ = scene;
    const elsewhere = process().accounts;
    expect(await elsewhere.of(scene.tenantId)).toBeUndefined();
    await accounts.put(scene.tenantId, { secretKey: FIRST });
    const seen = async () => (await elsewhere.of(scene.tenantId))?.accountId;
    while ((await seen()) !== 'acct_alice') await new Promise((resume) => setTimeout(resume, 50));
    const { client } = (await elsewhere.of(scene.tenantId))!;
    expect(await elsewhere.isConfigured(scene.tenantId)).toBe(true);
    expect((await elsewhere.of(scene.tenantId))!.client).toBe(client);
    await accounts.put(scene.tenantId, { secretKey: OTHER });
    while ((await seen()) !== 'acct_bob') await new Promise((resume) => setTimeout(resume, 50));
  });

  it('is the one of the environment for the tenant default alone, until it sets its own', async () => {
    const { scene, accounts } = await open();
    await using _ = scene;
    const { accounts: elsewhere } = scene.process({ STRIPE_SECRET_KEY: OTHER });
    expect(await elsewhere.of(scene.tenantId)).toMatchObject({ accountId: 'acct_bob' });
    const [other] = await scene.db.work.query<{ tenantId: string }>(
      `INSERT INTO tenant (name, hash_key) VALUES ('other', $1) RETURNING tenant_id AS "tenantId"`,
      [Buffer.alloc(32)],
    );
    expect(await elsewhere.of(other!.tenantId)).toBeUndefined();
    expect(await elsewhere.isConfigured(other!.tenantId)).toBe(false);
    await accounts.put(scene.tenantId, { secretKey: FIRST });
    expect(await elsewhere.isConfigured(scene.tenantId)).toBe(true);
    expect(await elsewhere.of(scene.tenantId)).toMatchObject({ accountId: 'acct_alice' });
  });
});
