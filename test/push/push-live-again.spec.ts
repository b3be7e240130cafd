import { describe, expect, it } from 'vitest';
import { requeueChanged } from '../../src/push/push-requeue.store.js';
import { mapped, NOVEMBER } from './mapped-scene.js';
import type { PushScene } from './push-scene.js';

async function drain(scene: PushScene): Promise<void> {
  await scene.process().worker.drain(scene.tenantId);
}

/** Ten delivered, then five that nobody pushed before the close. */
async function closedWhile(mode: 'off' | 'shadow'): Promise<PushScene> {
  const scene = await mapped();
  await scene.stripeMeter();
  await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
  await scene.plan(NOVEMBER);
  await drain(scene);
  await scene.meter({ push: mode });
  await scene.usage(NOVEMBER, '2026-11-10T11:05:00Z', '5');
  await scene.now('2026-12-01T00:30:00Z');
  await scene.close(NOVEMBER, '15');
  await drain(scene);
  return scene;
}

describe('a meter that is live again', () => {
  it.each(['off', 'shadow'] as const)(
    'brings what a close left behind while it was %s',
    async (mode) => {
      await using scene = await closedWhile(mode);
      expect(scene.counted()).toEqual(['10']);
      await scene.meter({ push: 'live' });
      await requeueChanged(scene.db.work, scene.tenantId, true);
      await drain(scene);
      expect(scene.counted()).toEqual(['10', '5']);
      expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '15', pending: '0' });
      expect(await requeueChanged(scene.db.work, scene.tenantId, true)).toBe(0);
    },
  );
});

describe('a change of mapping and of account', () => {
  it('counts what the lanes before it got, also after a time in test mode', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    const live = scene.process();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER, live);
    await live.worker.drain(scene.tenantId);
    await scene.customer('cus_other', null, 'now');
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '2');
    await scene.plan(NOVEMBER, live);
    await live.worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['10', '2']);

    const other = scene.process({ STRIPE_SECRET_KEY: 'sk_test_51AnotherAccount000000' });
    await scene.plan(NOVEMBER, other);
    await other.worker.drain(scene.tenantId);
    await scene.db.work.query('DELETE FROM stripe_meter');
    const back = scene.process();
    await scene.plan(NOVEMBER, back);
    await back.worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['10', '2']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '12' });
  });

  it('brings what a close left to another account once it is back at the first', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER);
    await drain(scene);
    const other = scene.process({ STRIPE_SECRET_KEY: 'sk_test_51AnotherAccount000000' });
    await scene.usage(NOVEMBER, '2026-11-10T11:05:00Z', '5');
    await scene.now('2026-12-01T00:30:00Z');
    await scene.stripeMeter('sum', undefined, undefined, 'sk_test_51AnotherAccount000000');
    await scene.close(NOVEMBER, '15');
    await other.worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['10', '10', '5']);

    const back = scene.process();
    await back.changes.tick(scene.tenantId, 1);
    await back.worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['10', '10', '5', '5']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '15', pending: '0' });
  });
});
