import { describe, expect, it } from 'vitest';
import {
  foreign,
  lose,
  NOVEMBER,
  push,
  pushedScene,
  reconciled,
  reconciling,
  total,
  use,
} from './reconciled-scene.js';
import { STRIPE_CUSTOMER, type PushScene } from '../push/push-scene.js';
import { setPushStatus } from '../support/push-status.js';

async function repair(scene: PushScene, id: string, dryRun: boolean) {
  return reconciling(scene).repairs.repair(scene.tenantId, id, dryRun);
}

async function readings(scene: PushScene): Promise<{ cause: string }[]> {
  return scene.db.work.query('SELECT cause FROM push_reading');
}

/** Reads back until nothing is left to read. */
async function readBack(scene: PushScene): Promise<void> {
  const { reader } = scene.process();
  const deadline = Date.now() + 20_000;
  while ((await readings(scene)).length > 0 && Date.now() < deadline) {
    await scene.db.work.query('UPDATE push_reading SET next_read_at = now()');
    await reader.read(scene.tenantId);
  }
}

describe('a delivery that is missing', () => {
  it('is read back, found not counted, and its value pushed again', async () => {
    await using scene = await pushedScene();
    const lost = (await scene.pushes()).find(({ value }) => value === '10')!;
    await lose(scene, lost.identifier);
    const { id } = await reconciled(scene);
    const plan = await repair(scene, id, true);
    expect(plan).toMatchObject({ dry_run: true, applied_at: null });
    expect(plan.lanes).toMatchObject([
      {
        customer_id: 'acme',
        outdated: false,
        drift: '-10',
        effect: '10',
        actions: [{ action: 'read_back', identifier: lost.identifier, value: '10', effect: '10' }],
      },
    ]);
    expect(await readings(scene)).toEqual([]);

    const done = await repair(scene, id, false);
    expect(done.lanes).toEqual(plan.lanes);
    expect(await readings(scene)).toEqual([{ cause: 'drift' }]);
    await readBack(scene);
    await push(scene);
    expect(total(scene)).toBe('30');
    expect((await scene.pushes()).map(({ value, status }) => [value, status])).toEqual(
      expect.arrayContaining([
        ['10', 'rejected'],
        ['10', 'delivered'],
      ]),
    );
    expect((await reconciled(scene)).lane).toMatchObject({ verdict: 'matched', ours: '30' });
  });
});

describe('usage that is not ours', () => {
  it('is taken away by a push in its own hour, once, and the period owes what it did', async () => {
    await using scene = await pushedScene();
    await foreign(scene, '5', '2026-11-10T10:41:30Z');
    const owed = await scene.standing(NOVEMBER);
    const { id } = await reconciled(scene);
    const plan = await repair(scene, id, true);
    expect(plan.lanes).toMatchObject([
      {
        drift: '5',
        effect: '-5',
        actions: [{ action: 'push_delta', value: '-5', identifier: null }],
      },
    ]);
    const [planned] = plan.lanes[0]!.actions;
    expect(planned!.hour).toBe('2026-11-10T10:00:00.000Z');

    const done = await repair(scene, id, false);
    expect(done.applied_at).not.toBeNull();
    expect(done.lanes[0]!.actions[0]!.identifier).toMatch(/^co1_/);
    expect(await repair(scene, id, false)).toEqual(done);
    await push(scene);
    await push(scene);
    expect(total(scene)).toBe('30');
    const pushes = await scene.pushes();
    expect(pushes.map(({ value }) => value)).toEqual(['10', '20', '-5']);
    const minutes = scene.simulator.ledger().map(({ timestamp }) => Math.floor(timestamp / 60));
    expect(new Set(minutes).size).toBe(4);
    const { delivered, confirmed, ...rest } = await scene.standing(NOVEMBER);
    expect(Number(delivered) + Number(confirmed)).toBe(30);
    expect(rest).toMatchObject({ value: owed.value, pending: '0', rejected: '0' });

    const again = await reconciled(scene);
    expect(again.lane).toMatchObject({ verdict: 'matched', ours: '30', stripe: '30' });
    expect((await repair(scene, again.id, false)).lanes).toEqual([]);
  });

  it('stays while its hour has no other minute yet, and says when there will be one', async () => {
    await using scene = await pushedScene();
    await scene.now('2026-11-10T13:00:30Z');
    await foreign(scene, '5', '2026-11-10T13:00:10Z');
    const left = await repair(scene, (await reconciled(scene)).id, false);
    expect(left.lanes).toMatchObject([{ effect: '0', actions: [{ action: 'none', value: '-5' }] }]);
    expect(left.lanes[0]!.actions[0]!.why).toMatch(/reconcile again in a minute/);
    await scene.now('2026-11-10T13:01:30Z');
    const done = await repair(scene, (await reconciled(scene)).id, false);
    expect(done.lanes).toMatchObject([{ effect: '-5', actions: [{ action: 'push_delta' }] }]);
    await push(scene);
    expect(total(scene)).toBe('30');
  });

  it('is not taken away a second time while Stripe does not show that it is', async () => {
    await using scene = await pushedScene();
    await foreign(scene, '5', '2026-11-10T10:41:30Z');
    await repair(scene, (await reconciled(scene)).id, false);
    scene.simulator.setSwitches({ aggregationLagMs: 'paused' });
    await push(scene);
    const { id, lane } = await reconciled(scene);
    expect(lane.drift).toBe('5');
    expect((await repair(scene, id, false)).lanes).toMatchObject([{ effect: '0', actions: [] }]);
    await push(scene);
    expect(total(scene)).toBe('30');
  });

  it('stays where pushes were made since it was found', async () => {
    await using scene = await pushedScene();
    await foreign(scene, '5', '2026-11-10T10:41:30Z');
    const { id } = await reconciled(scene);
    await use(scene, '1', '11');
    await push(scene);
    expect((await repair(scene, id, true)).lanes).toMatchObject([{ outdated: true }]);
    await expect(repair(scene, id, false)).rejects.toMatchObject({
      code: 'reconciliation_outdated',
    });
    await repair(scene, (await reconciled(scene)).id, false);
    await push(scene);
    expect(total(scene)).toBe('31');
  });

  it('in the minute of a lost push is made up for, which confirms none of the hour', async () => {
    await using scene = await pushedScene();
    const lost = (await scene.pushes()).find(({ value }) => value === '10')!;
    await lose(scene, lost.identifier);
    await foreign(scene, '4', lost.timestamp);
    const { id, lane } = await reconciled(scene);
    expect(lane).toMatchObject({ verdict: 'drift', drift: '-6' });
    await repair(scene, id, false);
    await push(scene);
    expect(total(scene)).toBe('30');
    expect((await reconciled(scene)).lane).toMatchObject({ verdict: 'matched', stripe: '30' });
    await reconciled(scene);
    const statuses = new Map((await scene.pushes()).map(({ value, status }) => [value, status]));
    expect(statuses).toEqual(
      new Map([
        ['10', 'delivered'],
        ['20', 'confirmed'],
        ['6', 'delivered'],
      ]),
    );
  });

  it('beside a total is overruled by a fresh one', async () => {
    await using scene = await pushedScene({ '09': '10' }, {}, 'last');
    await scene.now('2026-11-10T12:40:00Z');
    await foreign(scene, '99', '2026-11-10T12:35:00Z');
    const { id, lane } = await reconciled(scene);
    expect(lane).toMatchObject({ verdict: 'drift', drift: '89' });
    const { lanes } = await repair(scene, id, false);
    expect(lanes).toMatchObject([
      { effect: '-89', actions: [{ action: 'push_total', value: '10', effect: '-89' }] },
    ]);
    await push(scene);
    expect(scene.counted()).toEqual(['10', '99', '10']);
    expect((await reconciled(scene)).lane).toMatchObject({ verdict: 'matched', stripe: '10' });
    await use(scene, '1', '12');
    await scene.now('2026-11-10T12:50:00Z');
    await push(scene);
    expect(scene.counted().at(-1)).toBe('11');
  });
});

describe('a total', () => {
  it('that is missing where usage went on elsewhere is read back, and told there', async () => {
    await using scene = await pushedScene({ '09': '5' }, {}, 'last');
    const [lost] = await scene.pushes();
    await lose(scene, lost!.identifier);
    await scene.customer('cus_other', null, 'now');
    await use(scene, '2', '10');
    await push(scene);

    const { id, lanes } = await reconciled(scene);
    expect(lanes.map(({ verdict, drift }) => [verdict, drift])).toEqual(
      expect.arrayContaining([
        ['drift', '-5'],
        ['matched', '0'],
      ]),
    );
    const done = await repair(scene, id, false);
    expect(done.lanes).toMatchObject([
      { actions: [{ action: 'read_back', identifier: lost!.identifier, value: '5', effect: '5' }] },
    ]);
    await readBack(scene);
    await scene.now('2026-11-10T12:50:00Z');
    await push(scene);
    expect(scene.simulator.ledger().map(({ customer, value }) => [customer, value])).toEqual([
      [STRIPE_CUSTOMER, '5'],
      ['cus_other', '2'],
      ['cus_other', '7'],
    ]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ confirmed: '2', delivered: '5' });
    expect((await repair(scene, (await reconciled(scene)).id, false)).lanes).toEqual([]);
  });

  it.each([
    [
      'its customer has no mapping',
      (scene: PushScene) => scene.customer(null, null, 'period_start'),
    ],
    ['its customer is off', (scene: PushScene) => scene.customer(STRIPE_CUSTOMER, 'off', 'now')],
  ])('that is missing while %s is read back, and told again to nobody', async (_, change) => {
    await using scene = await pushedScene({ '09': '5' }, {}, 'last');
    const [lost] = await scene.pushes();
    await lose(scene, lost!.identifier);
    await change(scene);

    const { id } = await reconciled(scene);
    expect((await repair(scene, id, false)).lanes).toMatchObject([
      { actions: [{ action: 'read_back', identifier: lost!.identifier }] },
    ]);
    await push(scene);
    expect((await scene.pushes()).map(({ identifier }) => identifier)).toEqual([lost!.identifier]);
    expect(await readings(scene)).toEqual([{ cause: 'drift' }]);
  });

  it('that is missing is told again, though one before it was never settled', async () => {
    await using scene = await pushedScene({}, {}, 'last');
    await use(scene, '10');
    await scene.plan(NOVEMBER);
    const [first] = await scene.pushes();
    await setPushStatus(scene.db.work, scene.tenantId, first!.identifier, 'unknown');
    await foreign(scene, '10', '2026-11-10T12:15:00Z');
    await use(scene, '5', '10');
    await scene.now('2026-11-10T12:40:00Z');
    await push(scene);
    const second = (await scene.pushes()).find(({ value }) => value === '15');
    await lose(scene, second!.identifier);

    await scene.now('2026-11-10T12:50:00Z');
    const { id, lane } = await reconciled(scene);
    expect(lane).toMatchObject({ verdict: 'drift', stripe: '10', ours: '15' });
    expect((await repair(scene, id, false)).lanes).toMatchObject([
      { actions: [{ action: 'push_total', value: '15', effect: '5' }] },
    ]);
    await push(scene);
    expect((await reconciled(scene)).lane).toMatchObject({ verdict: 'matched', stripe: '15' });
  });

  it.each(['unknown', 'disputed'])(
    'is left alone while one of the lane is %s, whatever Stripe shows',
    async (status) => {
      await using scene = await pushedScene({}, {}, 'last');
      await use(scene, '10');
      await scene.plan(NOVEMBER);
      const [waiting] = await scene.pushes();
      await setPushStatus(scene.db.work, scene.tenantId, waiting!.identifier, status);
      await foreign(scene, '7', '2026-11-10T12:15:00Z');

      const { id, lane } = await reconciled(scene);
      expect(lane).toMatchObject({ verdict: 'drift', stripe: '7' });
      expect((await repair(scene, id, false)).lanes).toMatchObject([
        { effect: '0', actions: [{ action: 'none', why: expect.stringContaining('not settled') }] },
      ]);
      await scene.process().worker.drain(scene.tenantId);
      expect(scene.counted()).toEqual(['7']);
    },
  );
});

describe('repairs', () => {
  it('of a reconciliation that there is not are refused', async () => {
    await using scene = await pushedScene({});
    await expect(repair(scene, 'nothing', true)).rejects.toMatchObject({
      code: 'reconciliation_not_found',
    });
  });

  it('are told of as done where an erasure took out what was done', async () => {
    await using scene = await pushedScene();
    await foreign(scene, '4', '2026-11-10T09:30:00Z');
    const { id } = await reconciled(scene);
    const { applied_at } = await repair(scene, id, false);
    // As `erasePushes` leaves it.
    await scene.db.work.query(`UPDATE reconciliation SET repair = '{}'`);

    const again = await repair(scene, id, false);
    expect(again).toEqual({ reconciliation_id: id, dry_run: false, applied_at, lanes: [] });
  });

  it('wait for the end of their reconciliation', async () => {
    await using scene = await pushedScene();
    const id = await reconciling(scene).reconciliations.begin(scene.tenantId, {});
    await expect(repair(scene, id, false)).rejects.toMatchObject({
      code: 'reconciliation_running',
    });
  });

  it('are not made from a copy of the database', async () => {
    await using scene = await pushedScene();
    await foreign(scene, '5', '2026-11-10T10:41:30Z');
    const { id } = await reconciled(scene);
    await scene.db.work.query(`UPDATE installation SET cluster = 'elsewhere'`);
    await expect(repair(scene, id, false)).rejects.toMatchObject({ code: 'service_unavailable' });
  });
});
