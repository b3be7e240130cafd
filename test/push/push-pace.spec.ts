import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paceAt } from '../../src/stripe/stripe-pace.js';
import { EVENTS, fault } from './due-push.js';
import type { PushProcess } from './push-process.js';
import type { PushScene } from './push-scene.js';
import { many, mapped, waiting } from './waiting-pushes.js';

const SECOND = 1_000_000;

/** What a process may call a second, as it would lease it now. */
async function offered(scene: PushScene, { accounts, pace }: PushProcess): Promise<number> {
  const account = (await accounts.of(scene.tenantId))!;
  return scene.db.work.transaction(async (tx) => {
    const row = await pace.lock(tx, account);
    const [{ now } = { now: 0 }] = await tx.query<{ now: number }>(
      'SELECT clock_timestamp() AS now',
    );
    return pace.offer(account, row, now).callsPerSecond;
  });
}

describe('the pace of an account', () => {
  it('is kept by processes together: Stripe refuses none at the permitted rate', async () => {
    // Each by itself would make 120 a second. Of a process that stood still for a moment, calls of two
    // seconds may come in one: a busy machine is allowed half more than what is permitted.
    const limits = { rateLimits: { overallSandbox: 60 } };
    await using scene = await mapped({ STRIPE_CALLS_PER_SECOND: '40' }, limits);
    await waiting(scene, many(160, 160));
    const processes = [scene.process(), scene.process(), scene.process()];
    await Promise.all(processes.map(({ sender }) => sender.send(scene.tenantId)));
    const pushes = await scene.pushes();
    expect(pushes.filter(({ status, attempts }) => status !== 'delivered' || attempts > 1)).toEqual(
      [],
    );
    expect(scene.counted()).toHaveLength(160);
  });

  it('is halved for all processes by one 429, and comes back step by step', async () => {
    await using scene = await mapped({ STRIPE_CALLS_PER_SECOND: '200' });
    await waiting(scene, many(4, 4));
    fault(scene, '429Burst', 4);
    const [one, other] = [scene.process(), scene.process()];
    expect(await offered(scene, other)).toBe(200);
    await one.sender.send(scene.tenantId);
    const slowed = await offered(scene, other);
    expect(slowed).toBeGreaterThanOrEqual(100);
    expect(slowed).toBeLessThan(200);

    const since = async (seconds: number): Promise<number> => {
      await scene.db.work.query(
        `UPDATE stripe_pace SET slowed_at = now() - $1::integer * interval '1 second'`,
        [seconds],
      );
      return offered(scene, other);
    };
    expect(await since(2)).toBeLessThan(200);
    expect(await since(60)).toBe(200);
  });

  it.each(['lockTimeout', '409InFlight', '503'] as const)(
    'is not changed by a %s',
    async (kind) => {
      await using scene = await mapped({ STRIPE_CALLS_PER_SECOND: '200' });
      await waiting(scene, many(1, 1));
      fault(scene, kind);
      const process = scene.process();
      await process.sender.send(scene.tenantId);
      expect(await scene.pushes()).toMatchObject([{ status: 'pending', attempts: 1 }]);
      expect(await offered(scene, process)).toBe(200);
      await scene.forgetBackOff();
      await scene.process().sender.send(scene.tenantId);
      expect(await scene.pushes()).toMatchObject([{ status: 'delivered' }]);
    },
  );

  it('never exceeds what is permitted, and never falls', () => {
    const second = fc.integer({ min: 0, max: 10_000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), second, second, (permitted, a, b) => {
        const slowed = { slowedTo: String(permitted / 2), slowedAt: 0 };
        const [early, late] = [Math.min(a, b), Math.max(a, b)].map((seconds) =>
          paceAt(slowed, seconds * SECOND, permitted),
        );
        expect(early).toBeLessThanOrEqual(late!);
        expect(late).toBeLessThanOrEqual(permitted);
        expect(early).toBeGreaterThanOrEqual(permitted / 2);
      }),
    );
    expect(paceAt({ slowedTo: '500', slowedAt: 0 }, 9 * SECOND, 1_000)).toBe(950);
    expect(paceAt({ slowedTo: '500', slowedAt: 0 }, 10 * SECOND, 1_000)).toBe(1_000);
  });

  it('goes on where the database’s clock went back', async () => {
    await using scene = await mapped();
    await waiting(scene, many(2, 2));
    await scene.db.work.query(
      `INSERT INTO stripe_pace (account_id, livemode, leased_until)
       VALUES ('acct_scene', false, now() + interval '1 hour')`,
    );
    expect(await scene.process().sender.send(scene.tenantId)).toBe(2);
  });
});

describe('an outage', () => {
  it('ends without anybody: all is counted once, and few became unknown', async () => {
    await using scene = await mapped({ STRIPE_CALLS_PER_SECOND: '40' });
    const pushes = many(120, 120);
    await waiting(scene, pushes);
    // Connections close at the door for as long as it takes to call them all.
    scene.simulator.addFault({
      match: { path: EVENTS },
      skip: 10,
      fault: { kind: 'outage', ms: 3_500, time: 'real' },
    });
    const { sender, breaker, accounts } = scene.process();
    const account = (await accounts.of(scene.tenantId))!;
    await sender.send(scene.tenantId);
    expect(breaker.passage(account)).toBe('none');
    while (!(await isDelivered(scene))) await sender.send(scene.tenantId);
    expect(breaker.passage(account)).toBe('all');
    const counted = scene.simulator.ledger().map(({ identifier }) => identifier);
    expect(counted.toSorted()).toEqual(pushes.map(({ identifier }) => identifier).toSorted());
    const unknown = await scene.db.work.query(
      `SELECT DISTINCT identifier FROM push_transition WHERE to_status = 'unknown'`,
    );
    expect(unknown.length).toBeGreaterThanOrEqual(1);
    expect(unknown.length).toBeLessThan(pushes.length / 2);
  }, 60_000);

  it('stops claims, and tries with a push that is unknown already', async () => {
    await using scene = await mapped();
    await waiting(scene, many(5, 5));
    fault(scene, 'resetBefore', 5);
    const process = scene.process();
    await process.sender.send(scene.tenantId);
    expect((await scene.pushes()).map(({ status }) => status)).toEqual(Array(5).fill('unknown'));
    await waiting(scene, [{ identifier: 'fresh', customerNo: 9, closes: true }]);
    const account = (await process.accounts.of(scene.tenantId))!;
    expect(process.breaker.passage(account)).toBe('none');
    expect(await process.sender.send(scene.tenantId)).toBe(0);

    const probe = await process.claimer.claim(scene.tenantId, account, true);
    const names = probe && 'pushes' in probe ? probe.pushes : [];
    expect(names).toMatchObject([{ fromStatus: 'unknown', unknownAttempts: 1 }]);
    expect((await scene.pushes()).find(({ identifier }) => identifier === 'fresh')).toMatchObject({
      status: 'pending',
      attempts: 0,
    });
  });
});

async function isDelivered(scene: PushScene): Promise<boolean> {
  await new Promise((resume) => setTimeout(resume, 50));
  return (await scene.pushes()).every(({ status }) => status === 'delivered');
}
