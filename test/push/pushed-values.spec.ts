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

describe('where totals stand that arrived after their invoice was final', () => {
  it.each<[string, [string, string, number][], Record<string, string>]>([
    [
      'one adds to what was billed as unbillable',
      [
        ['10', 'delivered', -1],
        ['15', 'delivered', 31],
      ],
      { delivered: '10', unbillable: '5' },
    ],
    [
      'one may fall, and what is unknown after it goes on from there',
      [
        ['10', 'confirmed', -1],
        ['4', 'confirmed', 31],
        ['6', 'unknown', 60],
      ],
      { confirmed: '10', unbillable: '-6', unknown: '2' },
    ],
    [
      'one that may have come before it counts as billed',
      [['10', 'delivered', 29]],
      { delivered: '10', unbillable: '0' },
    ],
    ['the whole is unbillable', [['10', 'delivered', 31]], { delivered: '0', unbillable: '10' }],
  ])('%s', async (_, sent, expected) => {
    await using scene = await totals(sent.map(([value, status]) => [value, status] as const));
    const tenant = [scene.tenantId];
    await scene.db.work.query(
      `WITH invoice AS (
         INSERT INTO stripe_invoice VALUES ($1, 'acct_1', false, 'in_1', 'open', NULL,
           '2026-12-01 01:00Z', '2026-12-01Z'))
       INSERT INTO invoice_period SELECT $1, 1, 1, period_start, period_end, 'acct_1', false, 'in_1'
         FROM billing_period`,
      tenant,
    );
    // A month ago the test clock stood elsewhere.
    for (const [index, [, , seconds]] of sent.entries()) {
      await scene.db.work.query(
        `UPDATE push SET clock_offset_micros = 86400000000,
                first_attempt_at = '2026-11-30 01:00Z'::timestamptz + $3 * interval '1 second'
          WHERE tenant_id = $1 AND sequence = $2`,
        [...tenant, index + 1, seconds],
      );
    }
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
