import { describe, expect, it } from 'vitest';
import { setPushStatus } from '../support/push-status.js';
import { DECEMBER, mapped, NOVEMBER } from './mapped-scene.js';
import { EVENT_NAME, STRIPE_CUSTOMER, type PushScene } from './push-scene.js';

/** Plans and sends what is owed. */
async function push(scene: PushScene): Promise<void> {
  await scene.plan(NOVEMBER);
  await scene.process().worker.drain(scene.tenantId);
}

async function use(scene: PushScene, quantity: string, hour = '09'): Promise<void> {
  await scene.usage(NOVEMBER, `2026-11-10T${hour}:05:00Z`, quantity);
}

/** What Stripe got, by its customer, or by its meter's event name. */
function got(
  scene: PushScene,
  by: 'customer' | 'event_name' = 'customer',
): Record<string, string[]> {
  const values: Record<string, string[]> = {};
  for (const entry of scene.simulator.ledger()) (values[entry[by]] ??= []).push(entry.value);
  return values;
}

async function delivered(value = '100', formula: 'sum' | 'last' = 'sum'): Promise<PushScene> {
  const scene = await mapped();
  await scene.stripeMeter(formula);
  await use(scene, value);
  await push(scene);
  return scene;
}

describe('another Stripe customer', () => {
  it('gets from now on only what the one before did not', async () => {
    await using scene = await delivered();
    await scene.customer('cus_other', null, 'now');
    await use(scene, '1');
    await push(scene);
    await push(scene);

    expect(got(scene)).toEqual({ [STRIPE_CUSTOMER]: ['100'], cus_other: ['1'] });
    expect(await scene.standing(NOVEMBER)).toMatchObject({
      value: '101',
      delivered: '101',
      pending: '0',
      rejected: '0',
    });
  });

  it('gets the whole period where that was said', async () => {
    await using scene = await delivered();
    await scene.customer('cus_other', null, 'period_start');
    await use(scene, '1');
    await push(scene);

    expect(got(scene)).toEqual({ [STRIPE_CUSTOMER]: ['100'], cus_other: ['101'] });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '101', pending: '0' });
  });

  it('gets from now on what waited, and what was refused, before it', async () => {
    await using scene = await delivered();
    await use(scene, '2', '10');
    await use(scene, '4', '11');
    await scene.plan(NOVEMBER);
    const refused = (await scene.pushes()).find(({ value }) => value === '4');
    await setPushStatus(scene.db.work, scene.tenantId, refused!.identifier, 'rejected');
    await scene.customer('cus_other', null, 'now');
    await push(scene);

    expect(got(scene)).toEqual({ [STRIPE_CUSTOMER]: ['100'], cus_other: ['2', '4'] });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '106', rejected: '0' });
  });

  it('goes on from every one before it, and each mapping as it was said of it', async () => {
    await using scene = await delivered();
    await scene.customer('cus_two', null, 'now');
    await use(scene, '10');
    await push(scene);
    await scene.customer('cus_three', null, 'now');
    await use(scene, '1');
    await push(scene);
    expect(got(scene)).toEqual({
      [STRIPE_CUSTOMER]: ['100'],
      cus_two: ['10'],
      cus_three: ['1'],
    });

    await scene.customer(STRIPE_CUSTOMER, null, 'period_start');
    await push(scene);
    expect(got(scene)[STRIPE_CUSTOMER]).toEqual(['100', '11']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ value: '111', delivered: '111' });
  });

  it('gets totals from now on less what the one before was told', async () => {
    await using scene = await delivered('100', 'last');
    await scene.customer('cus_other', null, 'now');
    await use(scene, '1');
    await push(scene);

    expect(got(scene)).toEqual({ [STRIPE_CUSTOMER]: ['100'], cus_other: ['1'] });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ value: '101', delivered: '101' });
  });

  it('gets the highest value as it stands, which no other total adds to', async () => {
    await using scene = await mapped();
    await scene.meter({ aggregation: 'max' });
    await scene.stripeMeter('last');
    await use(scene, '5');
    await push(scene);
    await scene.customer('cus_other', null, 'now');
    await push(scene);

    expect(got(scene)).toEqual({ [STRIPE_CUSTOMER]: ['5'], cus_other: ['5'] });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ value: '5', delivered: '5' });
  });
});

describe('another Stripe meter', () => {
  it.each([
    ['now', ['1']],
    ['period_start', ['101']],
  ] as const)('gets usage from %s on', async (from, expected) => {
    await using scene = await delivered();
    await scene.stripeMeter('sum', undefined, 'other');
    await scene.meter({ stripe_event_name: 'other', mapping_from: from });
    await use(scene, '1');
    await push(scene);

    expect(got(scene, 'event_name')).toEqual({ [EVENT_NAME]: ['100'], other: expected });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ value: '101', delivered: '101' });
  });
});

describe('a change of mapping after the close', () => {
  /** 100 were delivered before the close, 1 is left over from it. */
  async function leftOver(formula: 'sum' | 'last' = 'sum'): Promise<PushScene> {
    const scene = await delivered('100', formula);
    await use(scene, '1', '10');
    await scene.plan(NOVEMBER);
    await scene.now('2026-12-01T02:00:00Z');
    await scene.close(NOVEMBER, '101');
    return scene;
  }

  async function settle(scene: PushScene): Promise<void> {
    const { changes, worker } = scene.process();
    await changes.tick(scene.tenantId, 1);
    await worker.drain(scene.tenantId);
  }

  it.each([
    ['period_start', 'sum'],
    [undefined, 'sum'],
    ['now', 'sum'],
    ['period_start', 'last'],
    [undefined, 'last'],
  ] as const)(
    'bills another customer only what was left over, from %s, on a meter of %s',
    async (from, formula) => {
      await using scene = await leftOver(formula);
      await scene.customer('cus_other', null, from);
      await settle(scene);
      await settle(scene);

      expect(got(scene)).toEqual({ [STRIPE_CUSTOMER]: ['100'], cus_other: ['1'] });
      expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '101', pending: '0' });
    },
  );

  it.each([
    ['sum', 'sum'],
    ['sum', 'last'],
    ['last', 'sum'],
    ['last', 'last'],
  ] as const)('bills a meter only what was left over, from %s to %s', async (before, after) => {
    await using scene = await leftOver(before);
    await scene.stripeMeter(after, undefined, 'other');
    await scene.meter({ stripe_event_name: 'other', mapping_from: 'period_start' });
    await settle(scene);
    await settle(scene);

    expect(got(scene, 'event_name')).toEqual({ [EVENT_NAME]: ['100'], other: ['1'] });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '101', pending: '0' });
  });

  it('bills another customer all of what was not delivered to the one before', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.customer(null);
    await use(scene, '10');
    await scene.now('2026-12-01T02:00:00Z');
    await scene.close(NOVEMBER, '10');
    await settle(scene);
    expect(await scene.holds()).toEqual({ customer_unmapped: '10' });
    await scene.customer('cus_other', null, 'period_start');
    await scene.process().changes.tick(scene.tenantId, 2);
    await scene.process().worker.drain(scene.tenantId);
    expect(got(scene)).toEqual({ cus_other: ['10'] });
  });

  it('leaves a period to the new mapping that was closed only after the change', async () => {
    await using scene = await delivered();
    await use(scene, '1', '10');
    await scene.customer('cus_other', null, 'period_start');
    await scene.now('2026-12-01T02:00:00Z');
    await scene.close(NOVEMBER, '101');
    await settle(scene);
    expect(got(scene)).toEqual({ [STRIPE_CUSTOMER]: ['100'], cus_other: ['100', '1'] });
  });
});

describe('a closed period that a mode set later covers', () => {
  it.each(['off', 'shadow'])('is pushed once after %s, and no more', async (mode) => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.meter({ push: mode });
    await use(scene, '10');
    await scene.now('2026-12-01T02:00:00Z');
    await scene.close(NOVEMBER, '10');
    const { changes, planner, worker } = scene.process();
    await changes.tick(scene.tenantId, 1);
    while ((await planner.plan(scene.tenantId)) > 0);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ excluded: '10' });

    await scene.meter({ push: 'live', push_from: NOVEMBER });
    await changes.tick(scene.tenantId, 2);
    await worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['10']);

    await changes.tick(scene.tenantId, 3);
    expect(await planner.plan(scene.tenantId)).toBe(0);
  });

  it('is pushed from an earlier hour on where push_from is lowered', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.meter({ push_from: '2026-11-10T10:00:00Z' });
    await use(scene, '1', '09');
    await use(scene, '2', '10');
    await scene.now('2026-12-01T02:00:00Z');
    await scene.close(NOVEMBER, '3');
    const { changes, worker } = scene.process();
    await changes.tick(scene.tenantId, 1);
    await worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['2']);

    await scene.meter({ push_from: NOVEMBER });
    await changes.tick(scene.tenantId, 2);
    await worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['2', '1']);
  });

  it.each([
    ['it ended before push_from', '2026-12-01T02:00:00Z', DECEMBER],
    ['Stripe does not take it any more', '2027-01-07T00:00:00Z', NOVEMBER],
  ])('is left alone where %s', async (_, now, pushFrom) => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.meter({ push: 'off' });
    await use(scene, '10');
    await scene.now(now);
    await scene.close(NOVEMBER, '10');
    const { changes, planner } = scene.process();
    while ((await planner.plan(scene.tenantId)) > 0);

    await scene.meter({ push: 'live', push_from: pushFrom });
    await changes.tick(scene.tenantId, 1);
    expect(await planner.plan(scene.tenantId)).toBe(0);
  });
});
