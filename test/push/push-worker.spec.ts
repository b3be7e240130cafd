import { describe, expect, it } from 'vitest';
import { PushScene } from './push-scene.js';

const NOVEMBER = '2026-11-01T00:00:00Z';
const OCTOBER = '2026-10-01T00:00:00Z';
const HOUR_MS = 3_600_000;

async function used(env: Record<string, string> = {}): Promise<PushScene> {
  const scene = await PushScene.open(env);
  await scene.meter();
  await scene.customer();
  await scene.stripeMeter();
  await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
  await scene.now('2026-11-10T12:30:20Z');
  await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10', { unfolded: true });
  return scene;
}

async function waiting(scene: PushScene): Promise<number> {
  const rows = await scene.db.work.query('SELECT 1 FROM push_work WHERE tenant_id = $1', [
    scene.tenantId,
  ]);
  return rows.length;
}

describe('the interval', () => {
  it('has open periods planned at each turn of the hour, and not before', async () => {
    await using scene = await used();
    const { interval } = scene.process();
    await interval.tick(scene.tenantId, 100 * HOUR_MS + 1);
    await interval.tick(scene.tenantId, 101 * HOUR_MS - 1);
    expect(await waiting(scene)).toBe(0);
    await interval.tick(scene.tenantId, 101 * HOUR_MS);
    expect(await waiting(scene)).toBe(1);
  });

  it('leaves out periods without usage, and those that ended over 40 days ago', async () => {
    await using scene = await used();
    await scene.period('2026-09-01T00:00:00Z', OCTOBER);
    await scene.usage('2026-09-01T00:00:00Z', '2026-09-10T09:05:00Z', '1');
    await scene.period(OCTOBER, NOVEMBER);
    const { interval } = scene.process();
    expect(await interval.planNow(scene.tenantId)).toBe(1);
  });

  it('of 0 pushes nothing before the close, and still looks after what is held', async () => {
    await using scene = await used({ PUSH_INTERVAL_SECONDS: '0' });
    await scene.customer(null);
    await scene.close(NOVEMBER, '10');
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ customer_unmapped: '10' });
    await scene.period('2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z');
    await scene.usage('2026-12-01T00:00:00Z', '2026-12-01T09:05:00Z', '1');
    const { interval } = scene.process();
    await interval.tick(scene.tenantId, 100 * HOUR_MS);
    await interval.tick(scene.tenantId, 101 * HOUR_MS);
    expect(await waiting(scene)).toBe(1);
  });

  it('is stretched where open periods would take over half the pace', async () => {
    await using scene = await used({ PUSH_INTERVAL_SECONDS: '1', STRIPE_CALLS_PER_SECOND: '1' });
    const { interval } = scene.process();
    for (const ms of [0, 2_000]) await interval.tick(scene.tenantId, ms);
    expect(await waiting(scene)).toBe(1);
    await scene.db.work.query('DELETE FROM push_work');
    await interval.tick(scene.tenantId, 3_000);
    expect(await waiting(scene)).toBe(0);
    await interval.tick(scene.tenantId, 4_000);
    expect(await waiting(scene)).toBe(1);
  });
});

describe('a change of the mapping', () => {
  it('has planned again what it may have cured, and nothing else', async () => {
    await using scene = await used();
    await scene.customer(null);
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ customer_unmapped: '10' });
    const { changes } = scene.process();
    await changes.tick(scene.tenantId, 1);
    expect(await waiting(scene)).toBe(0);

    await scene.customer();
    await changes.tick(scene.tenantId, 1);
    expect(await waiting(scene)).toBe(0);
    await changes.tick(scene.tenantId, 2);
    expect(await waiting(scene)).toBe(1);
  });

  it('never has planned again what is too old', async () => {
    await using scene = await used();
    await scene.now('2027-02-10T00:00:00Z');
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ too_old: '10' });
    await scene.process().changes.tick(scene.tenantId, 7);
    expect(await waiting(scene)).toBe(0);
  });

  it('that takes a period away takes its holds and what waits with it', async () => {
    await using scene = await used();
    await scene.usage(NOVEMBER, '2026-10-02T09:05:00Z', '2');
    await scene.plan(NOVEMBER);
    await scene.db.work.query('DELETE FROM billing_period');
    const { changes, worker } = scene.process();
    await changes.tick(scene.tenantId, 2);
    await worker.drain(scene.tenantId);
    expect(await scene.holds()).toEqual({});
    expect(scene.counted()).toEqual([]);
    const pushes = await scene.pushes();
    expect(pushes.map(({ status }) => status)).toEqual(pushes.map(() => 'rejected'));
  });
});

describe('the worker', () => {
  it('plans and sends by itself until it is stopped', async () => {
    await using scene = await used();
    await scene.close(NOVEMBER, '10');
    const { worker } = scene.process();
    worker.start();
    const deadline = Date.now() + 20_000;
    while (scene.counted().length === 0 && Date.now() < deadline) {
      await new Promise((resume) => setTimeout(resume, 20));
    }
    await worker.stop();
    expect(scene.counted()).toEqual(['10']);
    expect(await scene.pushes()).toMatchObject([{ status: 'delivered' }]);
  });

  it('that is told to stop gives back what it has not sent', async () => {
    await using scene = await used();
    await scene.plan(NOVEMBER);
    const { sender, worker } = scene.process();
    await worker.stop();
    await sender.send(scene.tenantId);
    expect(scene.counted()).toEqual([]);
    expect(await scene.pushes()).toMatchObject([{ status: 'pending', unknownAttempts: 0 }]);
  });

  it('leaves other tenants without the key of the environment', async () => {
    await using scene = await used();
    await scene.db.work.query(`UPDATE tenant SET name = 'other' WHERE tenant_id = $1`, [
      scene.tenantId,
    ]);
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ stripe_not_configured: '10' });
  });

  it('sends nothing while Stripe does not answer, and everything afterwards', async () => {
    await using scene = await used();
    await scene.close(NOVEMBER, '10');
    const away = scene.process({ STRIPE_API_BASE: 'http://127.0.0.1:1' });
    await expect(away.worker.drain(scene.tenantId)).rejects.toThrow('Stripe did not');
    expect(await waiting(scene)).toBe(1);
    await scene.process().worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['10']);
  });
});
