import { describe, expect, it } from 'vitest';
import type { DueReading } from '../../src/push/push-reading.store.js';
import { settleReading } from '../../src/push/reading-settlement.js';
import { changePush } from './change-push.js';
import { due, fault, NOVEMBER, only, sendAll } from './due-push.js';
import type { PushScene } from './push-scene.js';

const AT = Date.UTC(2026, 10, 10, 13) * 1_000;

/** One push of 10 that was sent, in a status, which is to be read. */
async function pushThat(status: 'unknown' | 'delivered' | 'confirmed' | 'disputed') {
  const scene = await due();
  if (status === 'unknown') fault(scene, 'lostResponse');
  await sendAll(scene, 1);
  const { identifier } = await only(scene);
  if (status === 'confirmed' || status === 'disputed') {
    await changePush(scene, identifier, status);
  }
  await scene.db.work.query(
    `INSERT INTO push_reading (tenant_id, identifier, cause, next_read_at)
     VALUES ($1, $2, 'drift', now())`,
    [scene.tenantId, identifier],
  );
  await scene.db.work.query('DELETE FROM push_work');
  const [row] = await scene.db.work.query<{ transitionNo: number }>(
    'SELECT transition_no AS "transitionNo" FROM push',
  );
  return { scene, reading: { ...PLAIN, identifier, status, ...row! } };
}

const PLAIN: Omit<DueReading, 'identifier' | 'status' | 'transitionNo'> = {
  cause: 'unknown',
  code: null,
  kind: 'delta',
  pushed: '10',
  timestamp: AT,
  periodStart: AT,
  stripeMeterId: 'mtr_1',
  stripeCustomerId: 'cus_scene',
  lastAttemptAt: AT,
  reads: 0,
  before: null,
  agreedSince: null,
  isOutdated: false,
  isHidden: false,
};

function settle(
  scene: PushScene,
  reading: DueReading,
  verdict: 'counted' | 'not_counted' | 'open',
) {
  return scene.db.work.transaction((tx) => settleReading(tx, scene.tenantId, reading, verdict, AT));
}

/** All that a settlement may change. */
async function told(scene: PushScene) {
  const ask = (sql: string) => scene.db.work.query<Record<string, any>>(sql);
  const [push] = await ask('SELECT status, reason, settled_by, replaced FROM push');
  const transitions = await ask(
    'SELECT from_status, to_status, reason FROM push_transition ORDER BY transition_no',
  );
  const [lane] = await ask('SELECT parked_code FROM push_lane');
  return {
    ...push,
    steps: transitions.slice(1).map((t) => `${t['to_status']} ${t['reason']}`),
    reading: (await ask('SELECT identifier FROM push_reading')).length,
    work: (await ask('SELECT closed FROM push_work')).map(({ closed }) => closed),
    parked: lane!['parked_code'],
  };
}

const SENT = { replaced: false, reading: 1, work: [], parked: null };
const SETTLED = { ...SENT, settled_by: 'reading', reading: 0 };
/** And its value is planned again. */
const REPLACED = { ...SETTLED, status: 'rejected', replaced: true, work: [false] };

describe('what counts', () => {
  it('is delivered where nobody knew, because it was read', async () => {
    const { scene, reading } = await pushThat('unknown');
    await using _ = scene;
    await settle(scene, reading, 'counted');
    const now = await told(scene);
    expect(now).toMatchObject({ ...SETTLED, status: 'delivered', reason: null });
    expect(now.steps.at(-1)).toBe('delivered read_back');
  });

  it.each(['delivered', 'disputed'] as const)('is confirmed where it was %s', async (status) => {
    const { scene, reading } = await pushThat(status);
    await using _ = scene;
    await settle(scene, reading, 'counted');
    const now = await told(scene);
    expect(now).toMatchObject({ ...SETTLED, status: 'confirmed', reason: null });
    expect(now.steps.at(-1)).toBe('confirmed read_back');
  });

  it('is read no more where it was confirmed', async () => {
    const { scene, reading } = await pushThat('confirmed');
    await using _ = scene;
    const before = await told(scene);
    await settle(scene, reading, 'counted');
    expect(await told(scene)).toEqual({ ...before, reading: 0 });
  });
});

describe('what does not count', () => {
  it('is rejected where nobody knew, and its value planned again', async () => {
    const { scene, reading } = await pushThat('unknown');
    await using _ = scene;
    await settle(scene, reading, 'not_counted');
    const now = await told(scene);
    expect(now).toMatchObject({ ...REPLACED, reason: 'not_delivered' });
    expect(now.steps.at(-1)).toBe('rejected not_delivered');
  });

  it('is disputed and rejected where Stripe had taken it, and its value planned again', async () => {
    const { scene, reading } = await pushThat('delivered');
    await using _ = scene;
    await settle(scene, reading, 'not_counted');
    const now = await told(scene);
    expect(now).toMatchObject({ ...REPLACED, reason: 'not_counted' });
    expect(now.steps.slice(-2)).toEqual(['disputed not_counted', 'rejected not_counted']);
    // As it is only between the two that it is disputed, nothing is planned in its place then.
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([{ value: '10' }, { value: '10', sequence: 2 }]);
  });

  it.each(['delivered', 'disputed'] as const)(
    'parks its lane where Stripe said why, and is not planned again: %s',
    async (status) => {
      const { scene, reading } = await pushThat(status);
      await using _ = scene;
      await settle(scene, { ...reading, code: 'customer_not_found' }, 'not_counted');
      expect(await told(scene)).toMatchObject({
        ...SETTLED,
        status: 'rejected',
        reason: 'customer_not_found',
        replaced: false,
        work: [false],
        parked: 'customer_not_found',
      });
    },
  );

  it.each([['customer_not_found'], [null]])(
    'parks nothing where a later total stands: %s',
    async (code) => {
      const { scene, reading } = await pushThat('disputed');
      await using _ = scene;
      await settle(scene, { ...reading, code, isOutdated: true }, 'not_counted');
      expect(await told(scene)).toMatchObject({ ...REPLACED, reason: code ?? 'not_counted' });
    },
  );

  it('parks nothing where nobody said why', async () => {
    const { scene, reading } = await pushThat('disputed');
    await using _ = scene;
    await settle(scene, reading, 'not_counted');
    expect(await told(scene)).toMatchObject(REPLACED);
  });
});

describe('what need not be known any more', () => {
  it.each([
    ['unknown', 'open'],
    ['delivered', 'open'],
    ['delivered', 'not_counted'],
    ['confirmed', 'not_counted'],
  ] as const)('is read no more, and stays %s: %s', async (status, verdict) => {
    const { scene, reading } = await pushThat(status);
    await using _ = scene;
    const before = await told(scene);
    await settle(scene, { ...reading, isOutdated: true }, verdict);
    expect(await told(scene)).toEqual({ ...before, reading: 0 });
  });
});

describe('what has moved on since it was read', () => {
  it.each([
    ['unknown', 'counted', null],
    ['unknown', 'not_counted', null],
    ['delivered', 'counted', null],
    ['delivered', 'not_counted', 'customer_not_found'],
    ['disputed', 'not_counted', 'customer_not_found'],
  ] as const)('stays as it is, and so does its lane: %s, %s', async (status, verdict, code) => {
    const { scene, reading } = await pushThat(status);
    await using _ = scene;
    const before = await told(scene);
    const { transitionNo } = reading;
    await settle(scene, { ...reading, code, transitionNo: transitionNo - 1 }, verdict);
    expect({ ...(await told(scene)), work: [] }).toEqual(before);
  });
});
