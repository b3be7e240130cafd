import { describe, expect, it } from 'vitest';
import { STRIPE_CUSTOMER } from '../push/push-scene.js';
import { setPushStatus } from '../support/push-status.js';
import {
  foreign,
  lose,
  NOVEMBER,
  push,
  pushedScene,
  reconciled,
  total,
  use,
} from './reconciled-scene.js';

describe('a lane that Stripe agrees on', () => {
  it('is matched, and its deliveries are confirmed', async () => {
    await using scene = await pushedScene();
    const { lane, ...answer } = await reconciled(scene);
    expect(answer).toMatchObject({
      status: 'finished',
      progress: { lanes: 1, done: 1 },
      verdicts: { matched: 1, lagging: 0, drift: 0, unreadable: 0 },
    });
    expect(lane).toMatchObject({
      customer_id: 'acme',
      meter: 'calls',
      stripe_customer_id: STRIPE_CUSTOMER,
      mode: 'test',
      verdict: 'matched',
      ours: '30',
      stripe: '30',
      drift: '0',
      hours: [],
      differences: [],
    });
    expect((await scene.pushes()).map(({ status }) => status)).toEqual(['confirmed', 'confirmed']);
    expect((await reconciled(scene)).lane).toMatchObject({ verdict: 'matched', ours: '30' });
  });

  it('is matched by its parts where the sum has more digits than a JSON number', async () => {
    await using scene = await pushedScene({ '09': '999999999999999' });
    await use(scene, '0.123456789012', '09');
    await push(scene);
    const { lane } = await reconciled(scene);
    expect(lane).toMatchObject({ verdict: 'matched', ours: '999999999999999.123456789012' });
    expect(lane.stripe).toBe(lane.ours);
  });
});

describe('a lane that Stripe does not show whole', () => {
  it('lags while what is missing was sent just now', async () => {
    await using scene = await pushedScene({}, { READBACK_STABLE_SECONDS: '900' });
    scene.simulator.setSwitches({ aggregationLagMs: 'paused' });
    await use(scene, '10');
    await push(scene);
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'lagging',
      ours: '10',
      stripe: '0',
      drift: '-10',
    });
    scene.simulator.flush();
    expect((await reconciled(scene)).lane).toMatchObject({ verdict: 'matched', stripe: '10' });
  });

  it('never drifts by a read that is behind another', async () => {
    await using scene = await pushedScene();
    scene.simulator.setSwitches({ staleReplicaMs: 3_600_000, staleReads: { every: 2 } });
    for (let round = 0; round < 4; round++) {
      expect((await reconciled(scene)).lane.verdict).not.toBe('drift');
    }
  });

  it('drifts where a delivery is missing, which is named', async () => {
    await using scene = await pushedScene();
    const lost = (await scene.pushes()).find(({ value }) => value === '20')!;
    await lose(scene, lost.identifier);
    const { lane } = await reconciled(scene);
    expect(lane).toMatchObject({ verdict: 'drift', ours: '30', stripe: '10', drift: '-20' });
    expect(lane.hours).toEqual([
      { hour: '2026-11-10T10:00:00.000Z', ours: '20', stripe: '0', drift: '-20' },
    ]);
    expect(lane.differences).toEqual([
      {
        cause: 'missing',
        identifier: lost.identifier,
        hour: '2026-11-10T10:00:00.000Z',
        minute: lost.timestamp.replace('Z', '.000Z'),
        value: '-20',
      },
    ]);
    const statuses = (await scene.pushes()).map(({ value, status }) => `${value} ${status}`);
    expect(statuses).toEqual(['10 confirmed', '20 delivered']);
  });
});

describe('a lane of which Stripe shows more', () => {
  it('drifts, and names the minute of usage that is not ours', async () => {
    await using scene = await pushedScene();
    await foreign(scene, '5', '2026-11-10T10:41:30Z');
    await foreign(scene, '7', '2026-11-10T11:03:00Z');
    const { lane } = await reconciled(scene);
    expect(lane).toMatchObject({ verdict: 'drift', ours: '30', stripe: '42', drift: '12' });
    expect(lane.differences).toMatchObject([
      { cause: 'foreign', identifier: null, minute: '2026-11-10T10:41:00.000Z', value: '5' },
      { cause: 'foreign', identifier: null, minute: '2026-11-10T11:03:00.000Z', value: '7' },
    ]);
  });

  it('drifts by what it holds beside ours in our own minute', async () => {
    await using scene = await pushedScene({ '09': '10' });
    await foreign(scene, '3', (await scene.pushes())[0]!.timestamp);
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'drift',
      drift: '3',
      differences: [{ cause: 'foreign', value: '3' }],
    });
  });

  it('drifts by a push that is not known to have arrived, which is named', async () => {
    await using scene = await pushedScene({ '09': '10' });
    await use(scene, '4', '10');
    await scene.plan(NOVEMBER);
    const [, other] = await scene.pushes();
    await foreign(scene, '4', other!.timestamp);
    await setPushStatus(scene.db.work, scene.tenantId, other!.identifier, 'unknown');
    await scene.db.work.query(`UPDATE push SET last_attempt_at = now() - interval '1 hour'`);
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'drift',
      ours: '10',
      unsettled: '4',
      stripe: '14',
      differences: [{ cause: 'unknown', identifier: other!.identifier, value: '4' }],
    });
  });

  it('finds what others do in the hour that two periods share', async () => {
    await using scene = await pushedScene({});
    await scene.db.work.query('DELETE FROM billing_period');
    await scene.period(NOVEMBER, '2026-11-10T09:30:07Z');
    await scene.period('2026-11-10T09:30:07Z', '2026-12-01T00:00:00Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.usage('2026-11-10T09:30:07Z', '2026-11-10T09:45:00Z', '20');
    await push(scene);
    await scene.plan('2026-11-10T09:30:07Z');
    await push(scene);
    const matched = await reconciled(scene);
    expect(matched.lanes.map(({ verdict, ours }) => [verdict, ours])).toEqual(
      expect.arrayContaining([
        ['matched', '10'],
        ['matched', '20'],
      ]),
    );
    await foreign(scene, '1', '2026-11-10T09:20:00Z');
    const { lanes } = await reconciled(scene);
    const of = Object.fromEntries(lanes.map((lane) => [lane.ours, lane]));
    expect(of['10']).toMatchObject({ verdict: 'drift', drift: '1' });
    expect(of['20']).toMatchObject({ verdict: 'matched', stripe: '20' });
  });
});

describe('a lane of totals', () => {
  it('is held against the last value by timestamp', async () => {
    await using scene = await pushedScene({ '09': '10' }, {}, 'last');
    await scene.now('2026-11-10T13:00:00Z');
    await use(scene, '5', '12');
    await push(scene);
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'matched',
      ours: '15',
      stripe: '15',
    });
    expect((await scene.pushes()).map(({ status }) => status)).toEqual(['delivered', 'confirmed']);
    await foreign(scene, '99', '2026-11-10T12:59:59Z');
    await foreign(scene, '98', '2026-11-10T13:00:03Z');
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'drift',
      drift: '83',
      differences: [{ cause: 'foreign', value: '83' }],
    });
  });

  it('drifts where the last one is missing', async () => {
    await using scene = await pushedScene({ '09': '10' }, {}, 'last');
    await scene.now('2026-11-10T13:00:00Z');
    await use(scene, '5', '12');
    await push(scene);
    const last = (await scene.pushes()).at(-1)!;
    await lose(scene, last.identifier);
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'drift',
      ours: '15',
      stripe: '10',
      differences: [{ cause: 'missing', identifier: last.identifier, value: '-5' }],
    });
  });
});

describe('a lane that cannot be read', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ['without a key', { STRIPE_SECRET_KEY: '' }, /no Stripe key/],
    [
      'under the key of another account',
      { STRIPE_SECRET_KEY: 'sk_test_51AnotherAccount000000' },
      /acct_/,
    ],
    ['while Stripe is away', { STRIPE_API_BASE: 'http://127.0.0.1:1' }, /did not show/],
  ])('says so %s', async (_, env, why) => {
    await using scene = await pushedScene();
    const { lane } = await reconciled(scene, env);
    expect(lane).toMatchObject({ verdict: 'unreadable', ours: null, stripe: null });
    expect(lane.why).toMatch(why);
    expect(total(scene)).toBe('30');
  });
});
