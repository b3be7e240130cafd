import { describe, expect, it } from 'vitest';
import { DECEMBER, mapped, NOVEMBER } from './mapped-scene.js';
import { PushScene } from './push-scene.js';

describe('why usage is held', () => {
  it('is told in order, with what of it is not pushed, until it is cured', async () => {
    await using scene = await PushScene.open();
    await scene.period(NOVEMBER, DECEMBER);
    await scene.meter({ stripe_event_name: null });
    await scene.customer(null);
    await scene.now('2026-11-10T12:30:20Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    const unconfigured = scene.process({ STRIPE_SECRET_KEY: '' });
    const held = async (process = scene.process()) => {
      await scene.plan(NOVEMBER, process);
      return scene.holds();
    };

    expect(await held(unconfigured)).toEqual({ stripe_not_configured: '1' });
    expect(await held()).toEqual({ meter_unmapped: '1' });
    await scene.meter();
    expect(await held()).toEqual({ customer_unmapped: '1' });
    await scene.customer();
    expect(await held()).toEqual({ meter_not_found: '1' });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ held: '1', pending: '0' });
    const meter = await scene.stripeMeter();
    await scene.stripe(`/v1/billing/meters/${meter.id}/deactivate`, new URLSearchParams());
    expect(await held()).toEqual({ meter_inactive: '1' });
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '0.5');
    expect(await held()).toEqual({ meter_inactive: '1.5' });

    await scene.stripe(`/v1/billing/meters/${meter.id}/reactivate`, new URLSearchParams());
    await scene.db.work.query('DELETE FROM stripe_meter');
    expect(await held()).toEqual({});
    expect(await scene.pushes()).toMatchObject([{ value: '1.5', status: 'pending' }]);
  });

  it('is Stripe where it does not take the key', async () => {
    await using scene = await mapped({ STRIPE_ACCOUNT_ID: 'acct_wrong' });
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    scene.simulator.revokeKey('rk_test_wrong');
    await scene.plan(NOVEMBER, scene.process({ STRIPE_SECRET_KEY: 'rk_test_wrong' }));
    expect(await scene.holds()).toEqual({ stripe_refused: '1' });
  });

  it('is its age, for a period as a whole, whatever is configured', async () => {
    await using scene = await PushScene.open();
    await scene.meter({ aggregation: 'max', stripe_event_name: null });
    await scene.customer(null);
    await scene.period('2026-09-01T00:00:00Z', '2026-10-01T00:00:00Z');
    await scene.usage('2026-09-01T00:00:00Z', '2026-09-10T09:05:00Z', '3');
    await scene.now('2026-11-10T00:00:00Z');
    await scene.plan('2026-09-01T00:00:00Z');
    expect(await scene.holds()).toEqual({ too_old: '3' });
  });

  it('is its digits, for a total', async () => {
    await using scene = await mapped();
    await scene.stripeMeter('last');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '123456789012345.5');
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ value_not_representable: '123456789012345.5' });
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '0.5');
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({});
    expect(await scene.pushes()).toMatchObject([{ kind: 'total', value: '123456789012346' }]);
  });

  it('is the want of a minute, where every one of a closed period is taken', async () => {
    await using scene = await PushScene.open();
    const start = '2026-11-10T10:00:00Z';
    await scene.meter();
    await scene.customer();
    await scene.stripeMeter();
    await scene.period(start, '2026-11-10T10:02:30Z');
    await scene.now('2026-11-10T12:00:00Z');
    for (const value of ['1', '2']) {
      await scene.usage(start, '2026-11-10T10:01:00Z', value);
      await scene.plan(start);
    }
    expect(await scene.pushes()).toHaveLength(2);
    await scene.usage(start, '2026-11-10T10:01:00Z', '4');
    await scene.close(start, '7');
    await scene.plan(start);
    expect(await scene.holds()).toEqual({ no_free_minute: '4' });
    expect(await scene.standing(start)).toMatchObject({ pending: '3', held: '4' });
  });
});
