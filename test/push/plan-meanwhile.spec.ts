import { describe, expect, it } from 'vitest';
import { PushPlanner } from '../../src/push/push-planner.js';
import { StripeSideReader } from '../../src/push/stripe-side.js';
import { mapped, NOVEMBER } from './mapped-scene.js';
import type { PushScene } from './push-scene.js';

/** A planner that has something happen each time it has asked Stripe. */
function plannerWith(scene: PushScene, happen: (time: number) => Promise<void>): PushPlanner {
  const { accounts, meters } = scene.process();
  const reader = new StripeSideReader(accounts, meters, scene.config);
  let times = 0;
  const read: StripeSideReader['read'] = async (...asked) => {
    const side = await reader.read(...asked);
    await happen(++times);
    return side;
  };
  return new PushPlanner(scene.db, Object.assign(Object.create(reader), { read }));
}

async function owing(): Promise<PushScene> {
  const scene = await mapped();
  await scene.stripeMeter();
  await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '7');
  await scene.db.work.query(
    `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
     VALUES ($1, 1, 1, $2, false)`,
    [scene.tenantId, NOVEMBER],
  );
  return scene;
}

const waiting = (scene: PushScene) =>
  scene.db.work.query('SELECT meter_no FROM push_work WHERE tenant_id = $1', [scene.tenantId]);

describe('while Stripe is asked about a plan', () => {
  it('a mapping that changes has Stripe asked again, and goes where it leads by now', async () => {
    await using scene = await owing();
    await scene.stripeMeter('sum', undefined, 'other');
    let asked = 0;
    const planner = plannerWith(scene, async (time) => {
      asked = time;
      if (time === 1) await scene.meter({ stripe_event_name: 'other' });
    });
    expect(await planner.plan(scene.tenantId)).toBe(1);
    expect(asked).toBe(2);
    const rows = await scene.db.work.query('SELECT event_name AS name, value::float FROM push');
    expect(rows).toEqual([{ name: 'other', value: 7 }]);
    expect(await scene.holds()).toEqual({});
    expect(await planner.plan(scene.tenantId)).toBe(0);
    expect(asked).toBe(2);
  });

  it('a restoration that begins leaves the work where it is', async () => {
    await using scene = await owing();
    const planner = plannerWith(scene, async () => {
      await scene.db.work.query('UPDATE installation SET restoring_since = now()');
    });
    expect(await planner.plan(scene.tenantId)).toBe(0);
    expect(await scene.pushes()).toEqual([]);
    expect(await waiting(scene)).toHaveLength(1);
  });

  it('another planner that has taken the work leaves none', async () => {
    await using scene = await owing();
    const planner = plannerWith(scene, async (time) => {
      if (time === 1) await scene.process().planner.plan(scene.tenantId);
    });
    expect(await planner.plan(scene.tenantId)).toBe(0);
    expect(await scene.pushes()).toMatchObject([{ value: '7' }]);
    expect(await waiting(scene)).toEqual([]);
  });
});
