import { describe, expect, it } from 'vitest';
import { due, NOVEMBER } from './due-push.js';
import type { PushScene } from './push-scene.js';

/** A meter that is pushed in shadow, whatever Stripe's meter makes of its values: it was told 10. */
const inShadow = (aggregation: string, formula: 'sum' | 'last'): Promise<PushScene> =>
  due({}, {}, formula, { aggregation, push: 'shadow' });

const values = async (scene: PushScene, status: string) =>
  (await scene.pushes()).filter((push) => push.status === status).map(({ value }) => value);

describe('a period in shadow', () => {
  it.each([
    ['max', 'sum', ['10', '5']],
    ['max', 'last', ['10', '15']],
    ['sum', 'last', ['10', '25']],
  ] as const)('of %s told a %s goes on from what it was told there', async (...row) => {
    const [aggregation, formula, told] = row;
    await using scene = await inShadow(aggregation, formula);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '15');
    await scene.plan(NOVEMBER);
    expect(await values(scene, 'shadow')).toEqual(told);
  });

  it.each([
    ['max', 'sum'],
    ['max', 'last'],
    ['sum', 'last'],
  ] as const)('of %s told a %s owes all of it once it is live', async (aggregation, formula) => {
    await using scene = await inShadow(aggregation, formula);
    await scene.meter({ aggregation, push: 'live', push_from: NOVEMBER });
    await scene.plan(NOVEMBER);
    expect(await values(scene, 'pending')).toEqual(['10']);
  });

  it('holds nothing that it was told there, while it leads nowhere', async () => {
    await using scene = await inShadow('sum', 'last');
    await scene.customer(null);
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({});
  });

  it('holds all of it once it is live and leads nowhere', async () => {
    await using scene = await inShadow('sum', 'last');
    await scene.customer(null);
    await scene.meter({ push: 'live', push_from: NOVEMBER });
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ customer_unmapped: '10' });
    const kinds = await scene.db.work.query<{ kind: string }>('SELECT kind FROM push_hold');
    expect(kinds).toEqual([{ kind: 'delta' }]);
  });
});
