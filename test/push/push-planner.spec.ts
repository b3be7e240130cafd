import { describe, expect, it } from 'vitest';
import { mapped, NOVEMBER } from './mapped-scene.js';
import { PushScene } from './push-scene.js';

describe('planning hourly deltas', () => {
  it('owes each hour its usage, folded or not, at the first minute of the hour', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1.5');
    await scene.usage(NOVEMBER, '2026-11-10T09:50:00Z', '2', { unfolded: true });
    await scene.usage(NOVEMBER, '2026-11-10T12:10:00Z', '4');
    await scene.usage(NOVEMBER, '2026-11-10T12:10:00Z', '100', { billable: false });
    await scene.plan(NOVEMBER);

    expect(await scene.pushes()).toMatchObject([
      { kind: 'delta', value: '3.5', timestamp: '2026-11-10T09:00:00Z', status: 'pending' },
      { kind: 'delta', value: '4', timestamp: '2026-11-10T12:00:00Z', sequence: 2 },
    ]);
    expect(await scene.holds()).toEqual({});
  });

  it('owes afterwards what is new, also where that is negative, and nothing twice', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER);
    await scene.plan(NOVEMBER);
    await scene.usage(NOVEMBER, '2026-11-10T09:06:00Z', '-4');
    await scene.plan(NOVEMBER);

    expect(await scene.pushes()).toMatchObject([
      { value: '10', timestamp: '2026-11-10T09:00:00Z' },
      { value: '-4', timestamp: '2026-11-10T09:01:00Z' },
    ]);
  });

  it('counts entries for a count meter', async () => {
    await using scene = await mapped();
    await scene.meter({ aggregation: 'count' });
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10', { entries: 3 });
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([{ value: '3' }]);
  });

  it('puts usage carried in from an earlier period into the first hour', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-10-12T09:05:00Z', '7');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([
      { value: '7', hour: NOVEMBER, timestamp: NOVEMBER },
    ]);
  });

  it('splits what has over 15 digits, each part alone in its minute', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '123456789012345.678');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([
      { value: '123456789012345', timestamp: '2026-11-10T09:00:00Z' },
      { value: '0.678', timestamp: '2026-11-10T09:01:00Z' },
    ]);
  });

  it('keeps within the period where it starts and ends inside an hour', async () => {
    await using scene = await PushScene.open();
    await scene.meter();
    await scene.customer();
    await scene.stripeMeter();
    const start = '2026-10-05T14:23:07Z';
    await scene.period(start, '2026-11-05T14:23:07Z');
    await scene.now('2026-11-05T14:30:00Z');
    await scene.usage(start, '2026-10-05T14:24:00Z', '1');
    await scene.usage(start, '2026-11-05T14:10:00Z', '2');
    await scene.usage(start, '2026-11-05T14:20:00Z', '3');
    await scene.close(start, '6');
    await scene.plan(start);
    expect(await scene.pushes()).toMatchObject([
      { value: '1', hour: '2026-10-05T14:00:00Z', timestamp: '2026-10-05T14:24:00Z' },
      { value: '5', hour: '2026-11-05T14:00:00Z', timestamp: '2026-11-05T14:00:00Z' },
    ]);
  });

  it('leaves out revisions that come after the close', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.now('2026-12-01T01:00:00Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.close(NOVEMBER, '10');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '5', { revision: 1 });
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([{ value: '10' }]);
  });

  it('holds what is too old before anything else, and pushes the rest', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.now('2026-12-06T12:00:30Z');
    await scene.usage(NOVEMBER, '2026-11-02T11:40:00Z', '1');
    await scene.usage(NOVEMBER, '2026-11-02T12:40:00Z', '2');
    await scene.usage(NOVEMBER, '2026-11-02T13:40:00Z', '4');
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ too_old: '1' });
    expect(await scene.pushes()).toMatchObject([
      { value: '2', timestamp: '2026-11-02T12:01:00Z' },
      { value: '4', timestamp: '2026-11-02T13:00:00Z' },
    ]);
  });
});

describe('push_from and modes', () => {
  it('pushes only the hours from push_from on', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.meter({ push_from: '2026-11-10T10:00:00Z' });
    await scene.usage(NOVEMBER, '2026-11-10T09:59:00Z', '1');
    await scene.usage(NOVEMBER, '2026-11-10T10:00:00Z', '2');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([{ value: '2' }]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({
      value: '3',
      pending: '2',
      excluded: '1',
    });
  });

  it('takes the first hour whole where push_from is the start of the period', async () => {
    await using scene = await PushScene.open();
    const start = '2026-11-05T14:23:07Z';
    await scene.meter({ push_from: start });
    await scene.customer();
    await scene.stripeMeter();
    await scene.period(start, '2026-12-05T14:23:07Z');
    await scene.now('2026-11-10T12:30:20Z');
    await scene.usage(start, '2026-11-05T14:24:00Z', '1');
    await scene.plan(start);
    expect(await scene.pushes()).toMatchObject([{ value: '1' }]);
  });

  it('makes no row while the meter is off, and takes back what waits', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    await scene.plan(NOVEMBER);
    await scene.meter({ push: 'off' });
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '2');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([
      { value: '1', status: 'rejected', reason: 'push_off' },
    ]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ excluded: '3', rejected: '0' });

    await scene.meter({ push: 'live' });
    await scene.plan(NOVEMBER);
    const pending = (await scene.pushes()).filter(({ status }) => status === 'pending');
    expect(pending).toMatchObject([{ value: '1' }, { value: '2' }]);
  });

  it('lets the customer override the meter', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    await scene.customer('cus_scene', 'off');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toEqual([]);
    expect(await scene.holds()).toEqual({});
  });

  it('plans in shadow what it never sends, once, and all of it again when live', async () => {
    await using scene = await mapped();
    const { worker } = scene.process();
    await scene.stripeMeter();
    await scene.meter({ push: 'shadow' });
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    await scene.plan(NOVEMBER);
    await scene.plan(NOVEMBER);
    await worker.drain(scene.tenantId);
    expect(await scene.pushes()).toMatchObject([{ value: '1', status: 'shadow', attempts: 0 }]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ excluded: '1', pending: '0' });

    await scene.meter({ push: 'live', push_from: NOVEMBER });
    await scene.plan(NOVEMBER);
    await worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['1']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '1', excluded: '0' });
  });
});

describe('what goes where', () => {
  it.each([
    ['sum', 'sum', undefined, 'delta', '9'],
    ['sum', 'last', undefined, 'total', '9'],
    ['count', 'last', undefined, 'total', '2'],
    ['max', 'sum', undefined, 'delta', '5'],
    ['max', 'last', undefined, 'total', '5'],
    ['last', 'last', undefined, 'total', '4'],
    ['unique_count', 'sum', undefined, 'delta', '2'],
    ['unique_count', 'last', undefined, 'total', '2'],
  ] as const)(
    'a $0 meter to a Stripe $1: $3 of $4',
    async (aggregation, formula, window, kind, value) => {
      await using scene = await mapped();
      await scene.meter({ aggregation });
      await scene.stripeMeter(formula, window);
      await fill(scene, aggregation);
      await scene.plan(NOVEMBER);
      const pushes = await scene.pushes();
      expect(pushes.map((push) => push.kind)).toEqual(pushes.map(() => kind));
      const sum = pushes.reduce((total, push) => total + Number(push.value), 0);
      expect(String(sum)).toBe(value);
      expect(await scene.holds()).toEqual({});
    },
  );

  it.each([
    ['last', 'sum', undefined],
    ['sum', 'count', undefined],
    ['count', 'count', undefined],
    ['max', 'count', undefined],
    ['sum', 'sum', 'hour'],
    ['sum', 'last', 'day'],
  ] as const)(
    'a $0 meter does not fit a Stripe $1 with window $2',
    async (own, formula, window) => {
      await using scene = await mapped();
      await scene.meter({ aggregation: own });
      await scene.stripeMeter(formula, window);
      await fill(scene, own);
      await scene.plan(NOVEMBER);
      expect(await scene.pushes()).toEqual([]);
      expect(Object.keys(await scene.holds())).toEqual(['formula_mismatch']);
    },
  );
});

async function fill(scene: PushScene, aggregation: string): Promise<void> {
  if (aggregation === 'unique_count') {
    for (const [hour, name] of [
      ['08', 'ann'],
      ['08', 'bob'],
      ['09', 'ann'],
    ] as const) {
      await scene.uniqueUsage(NOVEMBER, `2026-11-10T${hour}:05:00Z`, name);
    }
    return;
  }
  await scene.usage(NOVEMBER, '2026-11-10T08:05:00Z', '5');
  await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '4');
}
