import { describe, expect, it } from 'vitest';
import { setPushStatus } from '../support/push-status.js';
import { PushScene } from './push-scene.js';

const NOVEMBER = '2026-11-01T00:00:00Z';

/** A meter whose pushes are totals of the given values, in these statuses. */
async function totals(statuses: readonly (readonly [string, string])[]): Promise<PushScene> {
  const scene = await PushScene.open();
  await scene.meter();
  await scene.customer();
  await scene.stripeMeter('last');
  await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
  let told = 0;
  for (const [index, [value, status]] of statuses.entries()) {
    await scene.now(`2026-11-10T12:${String(10 + index)}:00Z`);
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', String(Number(value) - told));
    told = Number(value);
    await scene.plan(NOVEMBER);
    const [newest] = await scene.db.work.query<{ identifier: string }>(
      'SELECT identifier FROM push WHERE tenant_id = $1 ORDER BY sequence DESC LIMIT 1',
      [scene.tenantId],
    );
    await setPushStatus(scene.db.work, scene.tenantId, newest!.identifier, status);
  }
  return scene;
}

describe('where the value of a period stands, in totals', () => {
  it.each<[string, [string, string][], Record<string, string>]>([
    [
      'the newest that arrived stands for all before it',
      [
        ['10', 'delivered'],
        ['15', 'unknown'],
        ['18', 'delivered'],
      ],
      { delivered: '18', unknown: '0' },
    ],
    [
      'an unknown one after it adds what it says beyond',
      [
        ['10', 'delivered'],
        ['15', 'unknown'],
      ],
      { delivered: '10', unknown: '5' },
    ],
    [
      'a confirmed one counts apart from a later delivered one',
      [
        ['10', 'confirmed'],
        ['15', 'delivered'],
      ],
      { confirmed: '10', delivered: '5' },
    ],
    [
      'what waits after it is pending',
      [
        ['10', 'delivered'],
        ['15', 'pending'],
      ],
      { delivered: '10', pending: '5' },
    ],
    [
      'a total may fall',
      [
        ['10', 'delivered'],
        ['4', 'unknown'],
      ],
      { delivered: '10', unknown: '-6' },
    ],
    [
      'a disputed one is as good as unknown',
      [['10', 'disputed']],
      { unknown: '10', delivered: '0' },
    ],
    [
      'a refused one is rejected beyond what arrived',
      [
        ['10', 'delivered'],
        ['15', 'rejected'],
      ],
      { delivered: '10', rejected: '5' },
    ],
    [
      'a refused one with a later one on its way is covered by it',
      [
        ['10', 'rejected'],
        ['15', 'pending'],
      ],
      { rejected: '0', pending: '15' },
    ],
  ])('%s', async (_, statuses, expected) => {
    await using scene = await totals(statuses);
    const { value, ...parts } = await scene.standing(NOVEMBER);
    expect(parts).toMatchObject(expected);
    const sum = Object.values(parts).reduce((total, part) => total + Number(part), 0);
    expect(sum).toBe(Number(value));
  });
});

describe('where the value of a period stands', () => {
  it('is pending before any plan', async () => {
    await using scene = await PushScene.open();
    await scene.meter();
    await scene.customer();
    await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '3');
    expect(await scene.standing(NOVEMBER)).toEqual({
      value: '3',
      delivered: '0',
      confirmed: '0',
      pending: '3',
      unknown: '0',
      held: '0',
      rejected: '0',
      excluded: '0',
      unbillable: '0',
    });
  });

  it('does not take back what was delivered before push_from was moved past it', async () => {
    await using scene = await PushScene.open();
    await scene.meter();
    await scene.customer();
    await scene.stripeMeter();
    await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
    await scene.now('2026-11-10T12:30:00Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '3');
    await scene.plan(NOVEMBER);
    await scene.process().worker.drain(scene.tenantId);
    await scene.meter({ push_from: '2026-11-10T10:00:00Z' });
    await scene.usage(NOVEMBER, '2026-11-10T09:06:00Z', '4');
    await scene.usage(NOVEMBER, '2026-11-10T11:06:00Z', '5');
    await scene.plan(NOVEMBER);
    expect(await scene.standing(NOVEMBER)).toMatchObject({
      value: '12',
      delivered: '3',
      excluded: '4',
      pending: '5',
    });
    expect((await scene.pushes()).map(({ value }) => value)).toEqual(['3', '5']);
  });
});
