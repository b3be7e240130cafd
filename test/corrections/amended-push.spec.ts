import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { openStripeScene, partsOf, type StripeScene } from '../support/stripe-scene.js';

const OCTOBER = '2026-10-01T00:00:00.000Z';
const NOVEMBER = '2026-11-01T00:00:00.000Z';
const DECEMBER = '2026-12-01T00:00:00.000Z';

describe('corrections of what Stripe was told', () => {
  let scene: StripeScene;
  beforeEach(async () => {
    scene = await openStripeScene('2026-10-30T12:00:00Z');
    await scene.stripe.billing.meters.create({
      display_name: 'Peak',
      event_name: 'peak',
      default_aggregation: { formula: 'last' },
    });
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  const use = async (meter: string, id: string, at: string, quantity: number) => {
    const event = { usage_event_id: id, customer_id: 'acme', meter, quantity, occurred_at: at };
    return (await scene.app.call('POST', '/v1/usage-events', event)).body;
  };
  const voidEvent = async (id: string) =>
    (await scene.app.call('POST', '/v1/usage-events/void', { usage_event_id: id, reason: 'x' }))
      .body.effect;
  const statement = async (meter: string, start: string) =>
    (await scene.app.call('GET', `/v1/customers/acme/billing-periods/${start}?meter=${meter}`))
      .body;
  const seal = async () => {
    await scene.app.pool.query('UPDATE amendment_due SET due_at = now()');
    await scene.app.app.get(AmendmentSealer).run(scene.tenantId, () => false);
  };
  /** Plans and sends what was asked for, and nothing else. */
  const work = async () => {
    const { rows } = await scene.app.pool.query('SELECT count(*)::int AS n FROM push_work');
    await scene.push();
    return rows[0].n as number;
  };
  const told = (): string[] =>
    scene.simulator
      .ledger()
      .toSorted((a, b) => a.timestamp - b.timestamp)
      .map(({ value }) => value);

  it('take back what an open hour has too much', async () => {
    await use('tokens', 'a', '2026-10-30T10:00:00Z', 10);
    await use('tokens', 'b', '2026-10-30T11:00:00Z', 5);
    await scene.push();
    expect(await voidEvent('a')).toMatchObject({ kind: 'open', value: '-10' });
    expect(await work()).toBe(1);
    expect(told()).toEqual(['10', '-10', '5']);
    expect(await statement('tokens', OCTOBER)).toMatchObject({ value: '5', delivered_value: '5' });
  });

  it('go into the open period where the closed one is carried', async () => {
    await use('tokens', 'a', '2026-10-30T10:00:00Z', 10);
    await scene.now('2026-11-01T00:40:00Z');
    await scene.app.call('POST', '/v1/period-closes', {});
    await scene.push();
    await use('tokens', 'c', '2026-11-01T00:30:00Z', 30);
    expect(await voidEvent('a')).toMatchObject({ kind: 'carried', value: '-10' });
    await scene.push();
    expect(scene.counted(OCTOBER, NOVEMBER)).toBe(10);
    expect(scene.counted(NOVEMBER, DECEMBER)).toBe(20);
    expect(await statement('tokens', OCTOBER)).toMatchObject({
      value: '10',
      delivered_value: '10',
      carried_out: '-10',
    });
    expect(await statement('tokens', NOVEMBER)).toMatchObject({
      value: '20',
      carried_in: '-10',
      delivered_value: '20',
    });
  });

  it('amend a closed period hour by hour, once the amendment is sealed', async () => {
    await scene.app.call('PUT', '/v1/meters/tokens', { late_usage: 'amend' });
    await use('tokens', 'a', '2026-10-30T10:00:00Z', 10);
    await use('tokens', 'b', '2026-10-30T10:30:00Z', 7);
    await scene.now('2026-11-01T00:20:00Z');
    await scene.app.call('POST', '/v1/period-closes', {});
    await scene.push();
    expect(await use('tokens', 'late', '2026-10-30T11:00:00Z', 4)).toMatchObject({
      late: true,
      billed_period_start: OCTOBER,
    });
    expect(await voidEvent('a')).toMatchObject({ kind: 'amendment', value: '-10' });
    await scene.push();
    expect(scene.counted(OCTOBER, NOVEMBER)).toBe(17);
    const pending = await statement('tokens', OCTOBER);
    expect(pending).toMatchObject({ value: '17', delivered_value: '17', amended_value: '11' });
    expect(pending.amendments).toMatchObject([
      { revision: 1, status: 'pending', value: '-6', event_count: 0, pending_value: '-6' },
    ]);

    await seal();
    expect(await work()).toBe(1);
    expect(scene.counted(OCTOBER, NOVEMBER)).toBe(11);
    const frozen = await statement('tokens', OCTOBER);
    expect(frozen.amendments).toMatchObject([
      {
        revision: 1,
        status: 'closed',
        value: '-6',
        event_count: 0,
        created_at: expect.any(String),
        delivered_value: '-6',
        pending_value: '0',
        digest: pending.amendments[0].digest,
      },
    ]);
    expect(frozen).toMatchObject({ value: '17', delivered_value: '17', digest: pending.digest });

    await use('tokens', 'later', '2026-10-30T12:00:00Z', 1);
    expect((await statement('tokens', OCTOBER)).amendments).toMatchObject([
      { ...frozen.amendments[0] },
      { revision: 2, status: 'pending', value: '1' },
    ]);
    await seal();
    await scene.push();
    expect(scene.counted(OCTOBER, NOVEMBER)).toBe(12);
  });

  it('tell a new total where a maximum was voided', async () => {
    await scene.app.call('PUT', '/v1/meters/peak', {
      aggregation: 'max',
      stripe_event_name: 'peak',
    });
    await use('peak', 'high', '2026-10-30T10:00:00Z', 30);
    await use('peak', 'low', '2026-10-30T11:00:00Z', 20);
    await use('peak', 'new', '2026-10-30T11:30:00Z', 40);
    await scene.push();
    expect(await voidEvent('new')).toMatchObject({ kind: 'open', value: '-10' });
    expect(await work()).toBe(1);
    await scene.now('2026-11-01T00:20:00Z');
    await scene.app.call('POST', '/v1/period-closes', {});
    await scene.push();
    expect(await voidEvent('high')).toMatchObject({ kind: 'amendment', value: '-10' });
    await seal();
    expect(await work()).toBe(1);
    expect(told().at(-1)).toBe('20');
    const amended = await statement('peak', OCTOBER);
    expect(amended).toMatchObject({ value: '30', amended_value: '20' });
    expect(partsOf(amended).reduce((sum, part) => sum + Number(part), 0)).toBe(30);
    expect(amended.amendments).toMatchObject([{ value: '-10', delivered_value: '-10' }]);
  });

  it('are unbillable where Stripe takes the hour no more', async () => {
    await scene.app.call('PUT', '/v1/meters/tokens', { late_usage: 'amend' });
    await use('tokens', 'a', '2026-10-30T10:00:00Z', 10);
    await scene.now('2026-11-01T00:20:00Z');
    await scene.app.call('POST', '/v1/period-closes', {});
    await scene.push();
    await scene.now('2026-12-20T00:00:00Z');
    await voidEvent('a');
    await seal();
    await scene.push();
    expect(scene.counted(OCTOBER, NOVEMBER)).toBe(10);
    expect((await statement('tokens', OCTOBER)).amendments).toMatchObject([
      { value: '-10', held_value: '-10', pending_value: '0' },
    ]);
  });
});
