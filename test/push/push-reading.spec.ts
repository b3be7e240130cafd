import { describe, expect, it } from 'vitest';
import { disputeNamed, readReportedWindow } from '../../src/outbox/dispute.store.js';
import { loadConfig } from '../../src/config/config.js';
import { PushReadingWorker } from '../../src/push/push-reading.worker.js';
import { PushResolutionService } from '../../src/push/push-resolution.service.js';
import { due, EVENTS, fault, NOVEMBER, only, sendAll } from './due-push.js';
import { EVENT_NAME, STRIPE_CUSTOMER, type PushScene } from './push-scene.js';
import { lose } from '../reconciliation/reconciled-scene.js';

/** Nothing is sent again unread, and reads need not agree for long unless a test says so. */
const AT_ONCE = { PUSH_RESEND_WINDOW_SECONDS: '0', READBACK_STABLE_SECONDS: '0' };
const AFTER_A_WHILE = { PUSH_RESEND_WINDOW_SECONDS: '0', READBACK_STABLE_SECONDS: '900' };

async function send(scene: PushScene): Promise<void> {
  const { sender } = scene.process();
  while ((await sender.send(scene.tenantId)) > 0);
}

async function read(scene: PushScene): Promise<void> {
  await scene.db.work.query(
    `UPDATE push_reading SET next_read_at = now() WHERE tenant_id = $1 AND next_read_at > now()`,
    [scene.tenantId],
  );
  await scene.process().reader.read(scene.tenantId);
}

/** Lets time pass since the reads began to agree. */
async function wait(scene: PushScene, seconds: number): Promise<void> {
  await scene.db.work.query(
    `UPDATE push_reading SET agreed_since = agreed_since - $2 * interval '1 second'
      WHERE tenant_id = $1`,
    [scene.tenantId, seconds],
  );
}

/** Another hour's usage, delivered. */
async function later(scene: PushScene, value = '3'): Promise<void> {
  await scene.usage(NOVEMBER, '2026-11-10T11:05:00Z', value);
  await scene.plan(NOVEMBER);
  await send(scene);
}

function countedSum(scene: PushScene): number {
  return scene
    .counted()
    .map(Number)
    .reduce((a, b) => a + b, 0);
}

async function statuses(scene: PushScene): Promise<string[]> {
  return (await scene.pushes()).map(({ status }) => status);
}

async function settle(scene: PushScene): Promise<void> {
  await scene.plan(NOVEMBER);
  await send(scene);
}

describe('an unknown push past its window', () => {
  it('is delivered where its own minute shows its value, and is never sent again', async () => {
    await using scene = await due(AT_ONCE);
    fault(scene, 'lostResponse');
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown', attempts: 1 });
    await read(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 1 });
    await settle(scene);
    expect(scene.counted()).toEqual(['10']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', unknown: '0' });
  });

  it('stays unknown while nothing shows and no later push shows either', async () => {
    await using scene = await due(AT_ONCE);
    fault(scene, 'resetBefore');
    await sendAll(scene);
    await read(scene);
    await read(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown' });
    await settle(scene);
    expect(scene.counted()).toEqual([]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ unknown: '10' });
  });

  it('goes into a new one once later pushes show and it does not', async () => {
    await using scene = await due(AT_ONCE);
    fault(scene, 'resetBefore');
    await sendAll(scene);
    await later(scene);
    expect(await statuses(scene)).toEqual(['unknown', 'delivered']);
    await read(scene);
    const [first] = await scene.pushes();
    expect(first).toMatchObject({ status: 'rejected', reason: 'not_delivered' });
    await settle(scene);
    expect(countedSum(scene)).toBe(13);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '13', pending: '0' });
    const identifiers = (await scene.pushes()).map(({ identifier }) => identifier);
    expect(new Set(identifiers).size).toBe(3);
  });

  it('is not given up before its reads have agreed for long enough', async () => {
    await using scene = await due(AFTER_A_WHILE);
    fault(scene, 'resetBefore');
    await sendAll(scene);
    await later(scene);
    await read(scene);
    await wait(scene, 880);
    await read(scene);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'unknown' });
    await wait(scene, 30);
    await read(scene);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'rejected' });
  });

  it('is not given up while Stripe lags: what it accepted later does not show yet', async () => {
    await using scene = await due(AT_ONCE, { switches: { aggregationLagMs: 'paused' } });
    fault(scene, 'lostResponse');
    await sendAll(scene);
    await later(scene);
    for (let round = 0; round < 3; round++) await read(scene);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'unknown' });
    scene.simulator.flush();
    await read(scene);
    expect(await statuses(scene)).toEqual(['delivered', 'delivered']);
    await settle(scene);
    expect(countedSum(scene)).toBe(13);
  });

  it('says so where its minute shows what is not ours', async () => {
    await using scene = await due(AT_ONCE);
    fault(scene, 'resetBefore');
    await sendAll(scene);
    const [push] = await scene.pushes();
    await scene.stripe(
      EVENTS,
      new URLSearchParams({
        event_name: EVENT_NAME,
        identifier: 'foreign',
        'payload[stripe_customer_id]': STRIPE_CUSTOMER,
        'payload[value]': '4',
        timestamp: String(Date.parse(push!.timestamp) / 1_000 + 7),
      }),
    );
    await later(scene);
    await read(scene);
    expect((await scene.pushes())[0]).toMatchObject({
      status: 'unknown',
      reason: 'foreign_usage',
    });
  });

  it('is left unknown, and says so, where Stripe does not show its customer any more', async () => {
    await using scene = await due(AT_ONCE, { autoCustomers: false });
    scene.simulator.addCustomer(STRIPE_CUSTOMER);
    fault(scene, 'lostResponse');
    await sendAll(scene);
    scene.simulator.reset();
    await read(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown', reason: 'unreadable' });
  });

  it('of a total has the period told anew, with a later timestamp', async () => {
    await using scene = await due(AT_ONCE);
    await scene.db.work.query('DELETE FROM push_work');
    await scene.stripeMeter('last', undefined, 'levels');
    await scene.meter({ aggregation: 'max', stripe_event_name: 'levels' });
    await scene.plan(NOVEMBER);
    fault(scene, 'resetBefore');
    await sendAll(scene);
    const unknown = (await scene.pushes()).find(({ status }) => status === 'unknown');
    expect(unknown).toMatchObject({ kind: 'total', value: '10' });
    await scene.now('2026-11-10T12:40:20Z');
    await read(scene);
    await settle(scene);
    expect(scene.counted()).toEqual(['10']);
    const told = (await scene.pushes()).filter(({ kind }) => kind === 'total');
    expect(told.map(({ status }) => status)).toEqual(['unknown', 'delivered']);
    expect(told[1]!.timestamp > told[0]!.timestamp).toBe(true);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', unknown: '0' });
  });
});

describe('an unknown total whose period is told nothing new', () => {
  /** Sent to no answer, past its window, and nothing goes to its lane any more. */
  async function leftUnknown(
    kind: 'lostResponse' | 'resetBefore',
    to: string | null,
    env = AT_ONCE,
  ) {
    const scene = await due(env, {}, 'last');
    fault(scene, kind);
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ kind: 'total', status: 'unknown' });
    await scene.customer(to);
    await read(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown' });
    await settle(scene);
    return scene;
  }

  it('is delivered where its own minute shows its value', async () => {
    await using scene = await leftUnknown('lostResponse', null);
    // Whoever looks for tenants to read for finds it as well.
    const config = loadConfig({ ...AT_ONCE });
    const worker = new PushReadingWorker(scene.db, config, scene.process().reader);
    await worker['round'](() => false);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', unknown: '0' });
  });

  it('stays unknown where nothing shows, and no later push shows either', async () => {
    await using scene = await leftUnknown('resetBefore', null);
    await read(scene);
    await read(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown' });
  });

  it('is rejected where it does not show, and what was told later does', async () => {
    await using scene = await leftUnknown('resetBefore', 'cus_other');
    await read(scene);
    await read(scene);
    expect(await only(scene)).toMatchObject({ status: 'rejected', reason: 'not_delivered' });
    await settle(scene);
    expect(scene.simulator.ledger()).toMatchObject([{ customer: 'cus_other', value: '10' }]);
  });

  it.each([
    ['another', '2026-11-10T12:40:20Z'],
    ['the same', '2026-11-10T12:30:40Z'],
  ])('is left alone once a total stands that was told after it, in %s minute', async (_, at) => {
    await using scene = await leftUnknown('resetBefore', null, AFTER_A_WHILE);
    await read(scene);
    await scene.customer(STRIPE_CUSTOMER);
    await scene.now(at);
    await settle(scene);
    await read(scene);
    await read(scene);
    expect(await statuses(scene)).toEqual(['unknown', 'delivered']);
    expect(scene.counted()).toEqual(['10']);
    expect(await scene.db.work.query('SELECT identifier FROM push_reading')).toEqual([]);
  });
});

describe('a push that Stripe reports', () => {
  /** One delivery that Stripe took and never counts. */
  async function refusedLater(): Promise<PushScene> {
    const scene = await due(AT_ONCE, {
      autoCustomers: false,
      switches: { unknownCustomer: 'async' },
    });
    await send(scene);
    scene.simulator.addCustomer(STRIPE_CUSTOMER);
    return scene;
  }

  async function report(scene: PushScene, name: string): Promise<string[]> {
    const reports = [{ name, code: 'meter_event_customer_not_found', message: 'No such customer' }];
    return scene.db.work.transaction((tx) =>
      disputeNamed(tx, scene.tenantId, {
        ...scene.account,
        reports,
        at: Date.now() * 1_000,
      }),
    );
  }

  it('by its identifier is disputed once, and rejected where it is not counted', async () => {
    await using scene = await refusedLater();
    const { identifier } = await only(scene);
    expect(await report(scene, identifier)).toEqual([identifier]);
    expect(await report(scene, identifier)).toEqual([]);
    expect(await only(scene)).toMatchObject({ status: 'disputed' });
    await scene.db.work.query(`UPDATE push_lane SET parked_code = NULL, parked_at = NULL`);
    await later(scene);
    await read(scene);
    expect((await scene.pushes())[0]).toMatchObject({
      status: 'rejected',
      reason: 'meter_event_customer_not_found',
    });
    await scene.plan(NOVEMBER);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ rejected: '10', delivered: '3' });
  });

  it('by the key of a later attempt is found as well, and confirmed where it counts', async () => {
    await using scene = await due(AT_ONCE);
    await send(scene);
    const { identifier } = await only(scene);
    await report(scene, `${identifier}:3`);
    await read(scene);
    expect(await only(scene)).toMatchObject({ status: 'confirmed', reason: null });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ confirmed: '10' });
  });

  it('by samples only is read with all that its meter got in that time', async () => {
    await using scene = await refusedLater();
    await later(scene);
    const at = Date.now() * 1_000;
    const window = { from: at - 60_000_000, to: at, code: 'meter_event_customer_not_found', at };
    const marked = await scene.db.work.transaction((tx) =>
      readReportedWindow(tx, scene.tenantId, {
        ...scene.account,
        stripeMeterId: null,
        eventName: EVENT_NAME,
        ...window,
      }),
    );
    expect(marked).toBe(2);
    await read(scene);
    expect(await statuses(scene)).toEqual(['rejected', 'confirmed']);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '2');
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ lane_parked: '2' });
  });

  it.each([
    ['is rejected where Stripe still shows the one before', 'not counted', 'rejected'],
    ['is confirmed where Stripe shows nothing else', 'counted', 'confirmed'],
  ] as const)('of a total of 0 %s', async (_, truth, status) => {
    await using scene = await due(AT_ONCE, {}, 'last');
    await send(scene);
    const tell = async (now: string, quantity: string) => {
      await scene.now(now);
      await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', quantity);
      await settle(scene);
    };
    await tell('2026-11-10T12:40:00Z', '-10');
    await tell('2026-11-10T12:50:00Z', '4');
    expect(scene.counted()).toEqual(['10', '0', '4']);
    const zero = (await scene.pushes()).find(({ value }) => value === '0')!;
    if (truth === 'not counted') await lose(scene, zero.identifier);
    await report(scene, zero.identifier);
    await read(scene);
    await read(scene);
    expect((await scene.pushes()).find(({ value }) => value === '0')).toMatchObject({ status });
  });

  it('goes on under a new name once somebody says that its cause is repaired', async () => {
    await using scene = await refusedLater();
    const { identifier } = await only(scene);
    await report(scene, identifier);
    const resolutions = new PushResolutionService(scene.db);
    const as = { as: 'not_delivered', reason: 'customer made at Stripe' } as const;
    await resolutions.resolve(scene.tenantId, identifier, as);
    await resolutions.resolve(scene.tenantId, identifier, as);
    await settle(scene);
    expect(scene.counted()).toEqual(['10']);
    expect(await statuses(scene)).toEqual(['rejected', 'delivered']);
  });
});

describe('a push that is settled by hand', () => {
  it('as delivered counts, and is not sent', async () => {
    await using scene = await due({ PUSH_RESEND_WINDOW_SECONDS: '3600' });
    fault(scene, 'lostResponse');
    await sendAll(scene, 1);
    const { identifier } = await only(scene);
    const resolutions = new PushResolutionService(scene.db);
    const as = { as: 'delivered', reason: 'seen in the dashboard' } as const;
    await resolutions.resolve(scene.tenantId, identifier, as);
    await resolutions.resolve(scene.tenantId, identifier, as);
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(scene.counted()).toEqual(['10']);
    const other = { as: 'not_delivered', reason: 'no' } as const;
    await expect(resolutions.resolve(scene.tenantId, identifier, other)).rejects.toMatchObject({
      code: 'push_not_resolvable',
    });
  });

  it('as delivered is refused once other pushes carry its value', async () => {
    await using scene = await due(AT_ONCE);
    fault(scene, 'resetBefore');
    await sendAll(scene);
    const { identifier } = await only(scene);
    const resolutions = new PushResolutionService(scene.db);
    await resolutions.resolve(scene.tenantId, identifier, { as: 'not_delivered', reason: 'none' });
    await settle(scene);
    expect(scene.counted()).toEqual(['10']);
    await expect(
      resolutions.resolve(scene.tenantId, identifier, { as: 'delivered', reason: 'after all' }),
    ).rejects.toMatchObject({ code: 'push_not_resolvable' });
  });
});

describe('a push that waited too long', () => {
  it('is taken back before Stripe would refuse it, and its value is held as too old', async () => {
    await using scene = await due();
    await scene.now('2026-12-16T00:00:00Z');
    await scene.process().reader.read(scene.tenantId);
    await scene.plan(NOVEMBER);
    await send(scene);
    expect(await only(scene)).toMatchObject({ status: 'rejected', reason: 'too_old' });
    expect(await scene.holds()).toEqual({ too_old: '10' });
    expect(scene.counted()).toEqual([]);
  });
});
