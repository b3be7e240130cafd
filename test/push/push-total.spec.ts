import { describe, expect, it } from 'vitest';
import { DECEMBER, mapped, NOVEMBER } from './mapped-scene.js';
import { PushScene } from './push-scene.js';

describe('totals', () => {
  it('carry rising timestamps outside the last five minutes, and in them after the close', async () => {
    await using scene = await mapped();
    await scene.stripeMeter('last');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    await scene.plan(NOVEMBER);
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    await scene.plan(NOVEMBER);
    await scene.now('2026-11-10T12:30:21Z');
    await scene.plan(NOVEMBER);
    await scene.usage(NOVEMBER, '2026-11-30T23:57:00Z', '1');
    await scene.now('2026-11-30T23:58:00Z');
    await scene.plan(NOVEMBER);
    await scene.usage(NOVEMBER, '2026-11-30T23:57:00Z', '1');
    await scene.plan(NOVEMBER);
    await scene.now('2026-12-01T01:00:00Z');
    await scene.close(NOVEMBER, '4');
    await scene.plan(NOVEMBER);
    const pushes = await scene.pushes();
    expect(pushes.map(({ value, timestamp }) => [value, timestamp])).toEqual([
      ['1', '2026-11-10T12:30:20Z'],
      ['2', '2026-11-10T12:30:21Z'],
      ['3', '2026-11-30T23:54:59Z'],
      ['4', '2026-11-30T23:55:00Z'],
    ]);
  });

  it('say the value that a last meter carries into a period without usage', async () => {
    await using scene = await PushScene.open();
    await scene.meter({ aggregation: 'last', carry_last: true });
    await scene.customer();
    await scene.stripeMeter('last');
    await scene.period(NOVEMBER, DECEMBER, '12');
    await scene.now('2026-11-10T12:30:20Z');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toMatchObject([{ value: '12' }]);
  });
});

describe('a lane', () => {
  it('inherits nothing: another Stripe customer gets the whole, and what waited goes nowhere', async () => {
    await using scene = await mapped();
    const { worker } = scene.process();
    await scene.stripeMeter();
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '1');
    await scene.plan(NOVEMBER);
    await worker.drain(scene.tenantId);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '2');
    await scene.plan(NOVEMBER);
    await scene.customer('cus_other');
    await worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['1']);

    await scene.plan(NOVEMBER);
    await worker.drain(scene.tenantId);
    expect(scene.simulator.ledger({ customer: 'cus_scene' })).toHaveLength(1);
    expect(scene.simulator.ledger({ customer: 'cus_other' }).map(({ value }) => value)).toEqual([
      '1',
      '2',
    ]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({
      value: '3',
      delivered: '3',
      rejected: '0',
    });
  });

  it('is the same whoever plans, and two who plan at once plan once', async () => {
    await using scene = await mapped();
    await scene.stripeMeter();
    for (let hour = 0; hour < 5; hour++) {
      await scene.usage(NOVEMBER, `2026-11-10T0${hour}:05:00Z`, '1');
    }
    await Promise.all([scene.plan(NOVEMBER), scene.plan(NOVEMBER), scene.plan(NOVEMBER)]);
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toHaveLength(5);
    expect(new Set((await scene.pushes()).map(({ identifier }) => identifier)).size).toBe(5);
  });
});

describe('a period that was told as totals', () => {
  it('holds only what it was not told, once its way to Stripe is gone', async () => {
    await using scene = await PushScene.open();
    await scene.meter();
    await scene.customer();
    await scene.stripeMeter('last');
    await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
    await scene.now('2026-11-10T12:30:20Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER);
    await scene.process().worker.drain(scene.tenantId);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '4');
    await scene.customer(null);
    await scene.plan(NOVEMBER);
    expect(await scene.holds()).toEqual({ customer_unmapped: '4' });
    expect(await scene.standing(NOVEMBER)).toMatchObject({
      delivered: '10',
      held: '4',
      pending: '0',
    });
  });
});

describe('a total of which nobody knows whether it arrived', () => {
  it('is told over, also where the period is back at what it was told before', async () => {
    await using scene = await PushScene.open({ PUSH_RESEND_WINDOW_SECONDS: '0' });
    await scene.meter();
    await scene.customer();
    await scene.stripeMeter('last');
    await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
    await scene.now('2026-11-10T12:30:20Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
    await scene.plan(NOVEMBER);
    await scene.process().worker.drain(scene.tenantId);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '5');
    await scene.now('2026-11-10T12:31:20Z');
    await scene.plan(NOVEMBER);
    scene.simulator.addFault({
      match: { path: '/v1/billing/meter_events' },
      fault: 'lostResponse',
    });
    await scene.process().worker.drain(scene.tenantId);
    await scene.process().reader.read(scene.tenantId);
    await scene.usage(NOVEMBER, '2026-11-10T11:05:00Z', '-5');
    await scene.now('2026-11-10T12:32:20Z');
    await scene.plan(NOVEMBER);
    await scene.process().worker.drain(scene.tenantId);
    expect(scene.counted()).toEqual(['10', '15', '10']);
    await scene.plan(NOVEMBER);
    expect((await scene.pushes()).map(({ status }) => status)).toEqual([
      'delivered',
      'unknown',
      'delivered',
    ]);
  });
});
