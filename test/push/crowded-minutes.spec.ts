import { expect, it } from 'vitest';
import { MICROS_PER_MINUTE, parseInstant } from '../../src/domain/instant.js';
import { insertPushes, type NewPush } from '../../src/outbox/insert-pushes.store.js';
import { mapped, NOVEMBER } from './mapped-scene.js';
import { EVENT_NAME, type PushScene } from './push-scene.js';

const DAY = '2026-11-10T00:00:00Z';

/** Pushes of another period that have a minute each. */
async function take(scene: PushScene, from: string, count: number): Promise<void> {
  const [lane] = await scene.db.work.query<{ id: string }>('SELECT lane_id AS id FROM push_lane');
  const pushes = Array.from({ length: count }, (_, i): NewPush => ({
    identifier: `taken-${from}-${i}`,
    laneId: lane!.id,
    sequence: 1_000 + i,
    kind: 'delta',
    hour: null,
    value: '1',
    timestamp: parseInstant(from)! + i * MICROS_PER_MINUTE,
    status: 'delivered',
    purpose: 'usage',
    closes: false,
    finalizesAt: parseInstant(NOVEMBER)!,
    eventName: EVENT_NAME,
    customerKey: 'stripe_customer_id',
    valueKey: 'value',
    formula: 'sum',
  }));
  await scene.db.work.transaction((tx) =>
    insertPushes(tx, scene.tenantId, pushes, parseInstant(NOVEMBER)!),
  );
}

it('usage goes to the nearest minute of its period where the hours around it are full', async () => {
  await using scene = await mapped();
  await scene.stripeMeter();
  await scene.usage(NOVEMBER, '2026-11-09T09:05:00Z', '1');
  await scene.plan(NOVEMBER);
  await take(scene, '2026-11-10T22:00:00Z', 120);
  await scene.period(DAY, '2026-11-11T00:00:00Z');
  await scene.now('2026-11-12T00:00:00Z');
  await scene.usage(DAY, '2026-11-10T03:05:00Z', '2');
  await scene.usage(DAY, '2026-11-10T23:05:00Z', '4');
  await scene.close(DAY, '6');
  await scene.plan(DAY);
  const planned = (await scene.pushes()).filter(({ status }) => status === 'pending');
  expect(planned.map(({ value, timestamp }) => [value, timestamp])).toEqual([
    ['1', '2026-11-09T09:00:00Z'],
    ['2', '2026-11-10T03:00:00Z'],
    ['4', '2026-11-10T21:59:00Z'],
  ]);
  expect(await scene.holds()).toEqual({});
});

it('only a period without a free minute has the whole of it looked at', async () => {
  await using scene = await mapped();
  await scene.stripeMeter();
  await scene.usage(NOVEMBER, '2026-11-09T09:05:00Z', '1');
  await scene.plan(NOVEMBER);
  await take(scene, '2026-11-10T20:00:00Z', 240);
  await scene.period(DAY, '2026-11-11T00:00:00Z');
  const other = '2026-11-11T00:00:00Z';
  await scene.period(other, '2026-11-12T00:00:00Z');
  await scene.now('2026-11-13T00:00:00Z');
  await scene.usage(DAY, '2026-11-10T23:05:00Z', '4');
  await scene.usage(other, '2026-11-11T05:05:00Z', '8');
  await scene.close(DAY, '4');
  await scene.close(other, '8');
  expect(await scene.process().planner.plan(scene.tenantId)).toBe(2);
  const planned = (await scene.pushes()).filter(({ status }) => status === 'pending');
  expect(planned.map(({ value, timestamp }) => [value, timestamp]).toSorted()).toEqual([
    ['1', '2026-11-09T09:00:00Z'],
    ['4', '2026-11-10T19:59:00Z'],
    ['8', '2026-11-11T05:00:00Z'],
  ]);
  expect(await scene.holds()).toEqual({});
});

it('usage of a quarter hour after the end of its period belongs to the last hour', async () => {
  await using scene = await mapped();
  await scene.stripeMeter();
  await scene.period(DAY, '2026-11-10T23:30:00Z');
  await scene.now('2026-11-12T00:00:00Z');
  await scene.usage(DAY, '2026-11-11T02:05:00Z', '4');
  await scene.close(DAY, '4');
  await scene.plan(DAY);
  expect(await scene.pushes()).toMatchObject([
    { value: '4', hour: '2026-11-10T23:00:00Z', timestamp: '2026-11-10T23:00:00Z' },
  ]);
});
