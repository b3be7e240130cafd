import { describe, expect, it } from 'vitest';
import { pushStop } from '../../src/outbox/push-guard.js';
import type { RestorationReport } from '../../src/reconciliation/restore/restoration.service.js';
import { setPushStatus } from '../support/push-status.js';
import type { PushScene } from '../push/push-scene.js';
import { backupOf } from './backup.js';
import {
  NOVEMBER,
  push,
  pushedScene,
  reconciled,
  reconciling,
  total,
  use,
} from './reconciled-scene.js';

/** Two days later: Stripe has forgotten every identifier. */
const AFTERWARDS = '2026-11-12T12:30:20Z';

function restore(
  scene: PushScene,
  request: { dryRun?: boolean; acceptsUnread?: boolean; isStopping?: () => boolean } = {},
  env: Record<string, string> = {},
): Promise<RestorationReport> {
  const { restoration } = reconciling(scene, env);
  const whole = { dryRun: false, acceptsUnread: false, isStopping: () => false, ...request };
  return restoration.restore(whole);
}

/**
 * One push had arrived and one waited when the backup was made; the second went out after it, and
 * two more were made.
 */
async function disaster(): Promise<{ scene: PushScene; restored: PushScene } & AsyncDisposable> {
  const scene = await pushedScene({ '09': '10' });
  await use(scene, '20', '10');
  await scene.plan(NOVEMBER);
  const backup = await backupOf(scene);
  await push(scene);
  for (const quantity of ['5', '2']) {
    await use(scene, quantity, '11');
    await push(scene);
  }
  expect(total(scene)).toBe('37');
  const restored = backup.restored();
  await restored.now(AFTERWARDS);
  return {
    scene,
    restored,
    async [Symbol.asyncDispose]() {
      await restored[Symbol.asyncDispose]();
      await backup[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
    },
  };
}

/** What clients send again, and something new. */
async function sendAgain(scene: PushScene): Promise<void> {
  await use(scene, '7', '11');
  await use(scene, '1', '12');
}

async function installation(scene: PushScene): Promise<string> {
  const [row] = await scene.db.work.query<{ id: string }>(
    'SELECT installation_id AS id FROM installation',
  );
  return row!.id;
}

describe('a restored database', () => {
  it('would push twice what the backup does not know of, were it taken for the same', async () => {
    await using rig = await disaster();
    const { restored } = rig;
    await restored.db.work.query('UPDATE installation SET cluster = NULL, timeline = NULL');
    await sendAgain(restored);
    await push(restored);
    expect(total(restored)).toBe(String(37 + 20 + 7 + 1));
  });

  it('pushes nothing until it is said to be the one that does', async () => {
    await using rig = await disaster();
    const { restored } = rig;
    const before = await restored.pushes();
    await sendAgain(restored);
    await push(restored);
    expect(total(restored)).toBe('37');
    expect(await restored.pushes()).toEqual(before);
    expect(await pushStop(restored.db.work)).toBe('another_database');
    expect(await pushStop(rig.scene.db.work)).toBeUndefined();
  });

  it('goes on where Stripe is, and pushes nothing twice', async () => {
    await using rig = await disaster();
    const { restored } = rig;
    const before = await installation(restored);
    await sendAgain(restored);

    const told = await restore(restored, { dryRun: true });
    expect(told).toMatchObject({ dry_run: true, finished: false, places: 1, unread: [] });
    const found = [
      { how: 'settled', value: '20' },
      { how: 'restored', value: '5' },
      { how: 'restored', value: '2' },
    ];
    expect(told.found).toMatchObject(found);
    expect(await installation(restored)).toBe(before);

    const done = await restore(restored);
    expect(done).toMatchObject({ finished: true, unread: [], unexplained: [] });
    expect(done.found).toEqual(told.found);
    expect(await installation(restored)).not.toBe(before);
    await push(restored);
    expect(total(restored)).toBe('38');
    expect(await restored.standing(NOVEMBER)).toMatchObject({
      value: '38',
      delivered: '38',
      pending: '0',
      unknown: '0',
    });
    expect((await reconciled(restored)).lane).toMatchObject({ verdict: 'matched', ours: '38' });
    const minutes = restored.simulator.ledger().map(({ timestamp }) => timestamp);
    expect(new Set(minutes).size).toBe(minutes.length);
    const [waited] = await restored.db.work.query<{ way: string[] }>(
      `SELECT array_agg(t.to_status || coalesce(' ' || t.reason, '') ORDER BY t.transition_no) AS way
         FROM push_transition t JOIN push p USING (tenant_id, identifier)
        WHERE p.value = 20 GROUP BY identifier`,
    );
    expect(waited!.way.slice(0, 3)).toEqual(['pending', 'sending restored', 'delivered restored']);
  });

  it('goes on also where the period had no row yet', async () => {
    await using rig = await disaster();
    const { restored } = rig;
    await restored.db.work.query('DELETE FROM billing_period');
    expect(await restore(restored)).toMatchObject({ finished: true });
    await restored.period(NOVEMBER, '2026-12-01T00:00:00Z');
    await sendAgain(restored);
    await push(restored);
    expect(total(restored)).toBe('38');
  });

  it('reads on where it was cut off, and pushes nothing before its end', async () => {
    await using rig = await disaster();
    const { restored } = rig;
    await sendAgain(restored);
    let looks = 0;
    const cut = await restore(restored, { isStopping: () => ++looks > 4 });
    expect(cut.finished).toBe(false);
    expect(cut.found.length).toBeGreaterThan(0);
    expect(await pushStop(restored.db.work)).toBe('restoring');
    const id = await installation(restored);
    await push(restored);
    expect(total(restored)).toBe('37');

    expect(await restore(restored)).toMatchObject({ finished: true, found: [] });
    expect(await installation(restored)).toBe(id);
    await push(restored);
    expect(total(restored)).toBe('38');
  });

  it('waits until Stripe has shown all that it got', async () => {
    await using rig = await disaster();
    const { restored, scene } = rig;
    scene.simulator.setSwitches({ aggregationLagMs: 'paused' });
    await use(scene, '4', '08');
    await push(scene);
    expect(total(scene)).toBe('41');
    const running = restore(restored, {}, { READBACK_STABLE_SECONDS: '4' });
    const firstPass = async (): Promise<boolean> => (await restored.pushes()).length >= 4;
    while (!(await firstPass())) await new Promise((resume) => setTimeout(resume, 50));
    scene.simulator.flush();
    const report = await running;
    expect(report.passes).toBe(3);
    expect(report.found.map(({ value }) => value)).toContain('4');
  }, 30_000);

  it('does not end while it cannot ask, unless that is accepted', async () => {
    await using rig = await disaster();
    const { restored } = rig;
    const away = { STRIPE_SECRET_KEY: 'sk_test_51AnotherAccount000000' };
    const report = await restore(restored, {}, away);
    expect(report).toMatchObject({ finished: false });
    expect(report.unread.map(({ why }) => why).join()).toMatch(/no key of acct_/);
    expect(await pushStop(restored.db.work)).toBe('restoring');
    expect(await restore(restored, { acceptsUnread: true }, away)).toMatchObject({
      finished: true,
    });
  });

  it('goes on without what is gone at Stripe', async () => {
    await using scene = await pushedScene({ '09': '10' });
    await scene.db.work.query(
      `UPDATE push_lane SET stripe_meter_id = 'mtr_gone', lane_id = '00000000-0000-8000-8000-000000000000'`,
    );
    await scene.db.work.query(`UPDATE push SET lane_id = '00000000-0000-8000-8000-000000000000'`);
    const report = await restore(scene);
    expect(report).toMatchObject({ finished: true, places: 2, unread: [{ is_gone: true }] });
    // What the meter of the same name holds is known now, by a minute of its own.
    expect(report.found).toMatchObject([{ how: 'restored', value: '10' }]);
    const minutes = (await scene.pushes()).map(({ timestamp }) => timestamp);
    expect(new Set(minutes).size).toBe(2);
  });

  it('is taken into the books once, however many restore at a time', async () => {
    await using rig = await disaster();
    const { restored } = rig;
    await sendAgain(restored);
    const reports = await Promise.all([restore(restored), restore(restored), restore(restored)]);
    expect(reports.map(({ finished }) => finished)).toEqual([true, true, true]);
    await push(restored);
    expect(total(restored)).toBe('38');
    expect(await restored.standing(NOVEMBER)).toMatchObject({ delivered: '38', pending: '0' });
  });

  it('settles what the backup holds as unknown', async () => {
    await using scene = await pushedScene({ '09': '10' });
    await use(scene, '20', '10');
    await scene.plan(NOVEMBER);
    await using backup = await backupOf(scene);
    await push(scene);
    await using restored = backup.restored();
    await restored.now(AFTERWARDS);
    const waiting = (await restored.pushes()).find(({ value }) => value === '20')!;
    await setPushStatus(restored.db.work, restored.tenantId, waiting.identifier, 'unknown');
    await restore(restored);
    expect((await restored.pushes()).map(({ status }) => status)).toEqual([
      'delivered',
      'delivered',
    ]);
    await push(restored);
    expect(total(restored)).toBe('30');
  });

  it('is read back by a worker after a mere recovery', async () => {
    await using scene = await pushedScene({ '09': '10' });
    await scene.db.work.query('UPDATE installation SET timeline = timeline + 1');
    expect(await pushStop(scene.db.work)).toBe('another_timeline');
    await reconciling(scene).timer.round(() => false);
    expect(await pushStop(scene.db.work)).toBeUndefined();
    await use(scene, '1', '10');
    await push(scene);
    expect(total(scene)).toBe('11');
  });
});

describe('a restored database of totals', () => {
  it('goes on after the last total that Stripe got', async () => {
    await using scene = await pushedScene({ '09': '10' }, {}, 'last');
    await using backup = await backupOf(scene);
    await scene.now('2026-11-10T13:10:00Z');
    await use(scene, '5', '12');
    await push(scene);
    await using restored = backup.restored();
    await restored.now('2026-11-12T13:10:30Z');
    await use(restored, '5', '12');
    const report = await restore(restored);
    expect(report.found).toMatchObject([{ how: 'restored', value: '15' }]);
    await push(restored);
    expect(restored.counted()).toEqual(['10', '15']);
    await use(restored, '1', '13');
    await push(restored);
    expect(restored.counted()).toEqual(['10', '15', '16']);
    const times = restored.simulator.ledger().map(({ timestamp }) => timestamp);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect((await reconciled(restored)).lane).toMatchObject({ verdict: 'matched', ours: '16' });
  });
});
