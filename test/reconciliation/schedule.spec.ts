import { describe, expect, it } from 'vitest';
import type { PushScene } from '../push/push-scene.js';
import { NOVEMBER, pushedScene, reconciling } from './reconciled-scene.js';

const RUNNING = (): boolean => false;

async function kept(scene: PushScene): Promise<{ cause: string; lanes: number; done: boolean }[]> {
  return scene.db.work.query(
    `SELECT cause, lanes, finished_at IS NOT NULL AS done FROM reconciliation ORDER BY created_at`,
  );
}

describe('the clock', () => {
  it('has some open periods checked, once a turn, however many processes there are', async () => {
    await using scene = await pushedScene();
    const timers = Array.from({ length: 3 }, () => reconciling(scene).timer);
    await Promise.all(timers.map((timer) => timer.round(RUNNING)));
    await timers[0]!.round(RUNNING);
    expect(await kept(scene)).toEqual([{ cause: 'sample', lanes: 1, done: true }]);
    expect((await scene.pushes()).map(({ status }) => status)).toEqual(['confirmed', 'confirmed']);
  });

  it('has a period checked after its close, and not again', async () => {
    await using scene = await pushedScene();
    await scene.close(NOVEMBER, '30');
    await scene.plan(NOVEMBER);
    await reconciling(scene).timer.round(RUNNING);
    expect(await kept(scene)).toEqual([{ cause: 'close', lanes: 1, done: true }]);
    await scene.db.work.query(`UPDATE reconciliation SET slot = slot - 1`);
    await reconciling(scene).timer.round(RUNNING);
    expect(await kept(scene)).toHaveLength(1);
  });

  it('leaves everything alone at an interval of 0', async () => {
    await using scene = await pushedScene();
    await reconciling(scene, { RECONCILE_INTERVAL_SECONDS: '0' }).timer.round(RUNNING);
    expect(await kept(scene)).toEqual([]);
  });

  it('ends what another process left behind', async () => {
    await using scene = await pushedScene();
    const { reconciliations, runner } = reconciling(scene);
    const id = await reconciliations.begin(scene.tenantId, {});
    expect(await runner.run(scene.tenantId, id, () => true)).toBe(false);
    await reconciling(scene, { RECONCILE_INTERVAL_SECONDS: '0' }).timer.round(RUNNING);
    expect(await kept(scene)).toEqual([{ cause: 'request', lanes: 1, done: true }]);
  });

  it('lets one process alone write what a lane was read as', async () => {
    await using scene = await pushedScene();
    const { reconciliations } = reconciling(scene);
    const id = await reconciliations.begin(scene.tenantId, {});
    const runs = Array.from({ length: 3 }, () =>
      reconciling(scene).runner.run(scene.tenantId, id, RUNNING),
    );
    expect((await Promise.all(runs)).filter(Boolean)).toHaveLength(1);
    const [push] = await scene.db.work.query<{ transitions: number }>(
      `SELECT max(transition_no) AS transitions FROM push_transition`,
    );
    expect(push!.transitions).toBe(4);
  });
});
