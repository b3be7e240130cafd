import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvoiceLookupTimer } from '../../src/webhooks/invoice-lookup.timer.js';
import { ItemCloser } from '../../src/periods/item-closer.js';
import { SubscriptionRefreshTimer } from '../../src/webhooks/subscription-refresh.timer.js';
import { openStripeScene, outline, partsOf, type StripeScene } from '../support/stripe-scene.js';

describe('periods that Stripe says the end of', () => {
  let scene: StripeScene;
  beforeEach(async () => {
    scene = await openStripeScene('2026-11-10T12:00:00Z');
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  const gateVersion = async (): Promise<number> =>
    (await scene.app.pool.query('SELECT gate_version::int AS v FROM tenant')).rows[0].v;
  const sumOfEntries = async (): Promise<number> =>
    (
      await scene.app.pool.query(
        `SELECT sum(quantity)::float8 AS s FROM usage_entry e WHERE NOT EXISTS (
           SELECT FROM usage_entry n WHERE n.event_key = e.event_key AND n.meter_no = e.meter_no
              AND n.entry_no > e.entry_no)`,
      )
    ).rows[0].s;

  it('take open usage over from the schedule, and give it back', async () => {
    await scene.subscribe();
    await scene.use('2026-11-05T00:00:00Z', 1);
    await scene.now('2026-11-12T00:00:00Z');
    await scene.use('2026-11-11T00:00:00Z', 2);
    expect(outline(await scene.statements())).toEqual(['2026-11-01T00:00 to 2026-12-01T00:00: 3']);

    const answer = await scene.fromStripe();
    expect(answer).toMatchObject({
      source: 'stripe',
      effective_from: null,
      period_start: '2026-11-10T12:00:00.000Z',
      period_end: '2026-12-10T12:00:00.000Z',
      subscription_items: 'one',
    });
    expect(outline(await scene.statements())).toEqual([
      '2026-11-01T00:00 to 2026-11-10T12:00: 1',
      '2026-11-10T12:00 to 2026-12-10T12:00: 2',
    ]);
    await scene.use('2026-11-11T06:00:00Z', 4);
    const path = '/v1/customers/acme/meters/tokens/billing-period';
    const back = await scene.app.call('PUT', path, { source: 'schedule' });
    expect(back.body).toMatchObject({ source: 'schedule', subscription_items: null });
    expect(outline(await scene.statements())).toEqual(['2026-11-01T00:00 to 2026-12-01T00:00: 7']);
    expect(await sumOfEntries()).toBe(7);
  });

  it('begin where the open period ends once Stripe has got something', async () => {
    await scene.subscribe();
    await scene.now('2026-11-12T00:00:00Z');
    await scene.use('2026-11-11T00:00:00Z', 2);
    await scene.push();
    expect(await scene.fromStripe()).toMatchObject({ effective_from: '2026-12-01T00:00:00.000Z' });
    await scene.now('2026-12-02T00:00:00Z');
    await scene.use('2026-12-01T06:00:00Z', 3);
    expect(outline(await scene.statements())).toEqual([
      '2026-11-01T00:00 to 2026-12-01T00:00: 2',
      '2026-12-01T00:00 to 2026-12-10T12:00: 3',
    ]);
  });

  it('are held where no item prices the meter, and where two do', async () => {
    await scene.fromStripe();
    await scene.use('2026-11-10T06:00:00Z', 2);
    await scene.push();
    const [none] = await scene.statements();
    expect(none).toMatchObject({ value: '2', held_value: '2' });
    const held = await scene.app.call('GET', '/v1/pushes?status=held');
    expect(held.body.data[0].reason).toBe('no_subscription_item');

    const first = await scene.subscribe();
    await scene.event('customer.subscription.created', first.id);
    const second = await scene.subscribe();
    await scene.event('customer.subscription.created', second.id);
    await scene.now('2026-11-10T18:00:00Z');
    await scene.use('2026-11-10T13:00:00Z', 5);
    await scene.push();
    const several = await scene.app.call('GET', '/v1/pushes?status=held');
    expect(several.body.data.map((each: any) => each.reason).toSorted()).toEqual([
      'no_subscription_item',
      'several_subscription_items',
    ]);
    await scene.stripe.subscriptions.cancel(second.id);
    await scene.event('customer.subscription.deleted', second.id);
    await scene.push();
    expect(scene.counted('2026-11-10T12:00:00Z', '2026-12-10T12:00:00Z')).toBe(5);
    const statements = await scene.statements();
    expect(statements.map(partsOf)).toEqual([
      ['0', '0', '0', '0', '2', '0', '0', '0'],
      ['5', '0', '0', '0', '0', '0', '0', '0'],
    ]);
  });

  it('are cut where a subscription ends early, and what Stripe got follows its timestamps', async () => {
    const subscription = await scene.subscribe();
    await scene.fromStripe();
    await scene.now('2026-11-20T10:20:30Z');
    await scene.use('2026-11-20T10:05:00Z', 3);
    await scene.stripe.subscriptions.cancel(subscription.id);
    // Stripe's word is late: usage of the rest of the hour goes out for the old period.
    await scene.now('2026-11-20T12:00:00Z');
    await scene.use('2026-11-20T10:40:00Z', 5);
    await scene.use('2026-11-20T11:30:00Z', 7);
    await scene.push();
    expect(outline(await scene.statements())).toEqual(['2026-11-10T12:00 to 2026-12-10T12:00: 15']);

    await scene.event('customer.subscription.deleted', subscription.id);
    expect(outline(await scene.statements())).toEqual([
      '2026-11-10T12:00 to 2026-11-20T10:20: 3',
      '2026-11-20T10:20 to 2026-12-01T00:00: 12',
    ]);
    await scene.app.app.get(InvoiceLookupTimer).lookNow(scene.tenantId);
    const again = await scene.subscribe({
      backdate_start_date: Date.parse('2026-11-20T10:20:30Z') / 1_000,
    });
    await scene.event('customer.subscription.created', again.id);
    await scene.push();
    expect(scene.counted('2026-11-10T12:00:00Z', '2026-11-20T10:20:30Z')).toBe(3);
    expect(scene.counted('2026-11-20T10:20:30Z', '2027-01-01T00:00:00Z')).toBe(12);
    const statements = await scene.statements();
    expect(statements.map((each) => each.value)).toEqual(['3', '12']);
    expect(statements.map((each) => each.delivered_value)).toEqual(['3', '12']);
    expect(await sumOfEntries()).toBe(15);
  });

  it('go on provisionally while Stripe is silent, and a renewal as expected closes no gate', async () => {
    const subscription = await scene.subscribe();
    await scene.fromStripe();
    await scene.now('2026-12-11T00:00:00Z');
    await scene.use('2026-12-10T11:59:59.999999Z', 1);
    await scene.use('2026-12-10T12:00:00Z', 2);
    expect(outline(await scene.statements())).toEqual([
      '2026-11-10T12:00 to 2026-12-10T12:00: 1',
      '2026-12-10T12:00 to 2027-01-10T12:00: 2',
    ]);
    const before = await gateVersion();
    await scene.event('customer.subscription.updated', subscription.id);
    expect(await gateVersion()).toBe(before);
    expect(outline(await scene.statements())).toHaveLength(2);
  });

  it('close by the own clock only once Stripe was asked after their end, or could not be for a day', async () => {
    await scene.subscribe();
    await scene.fromStripe();
    await scene.use('2026-11-10T12:00:00Z', 4);
    const closer = scene.app.app.get(ItemCloser);
    await scene.now('2026-12-10T12:29:00Z');
    expect(await closer.close(scene.tenantId)).toBe(0);
    await scene.now('2026-12-10T12:31:00Z');
    expect(await closer.close(scene.tenantId)).toBe(0);
    const refresh = scene.app.app.get(SubscriptionRefreshTimer);
    expect(await refresh.refresh(scene.tenantId)).toBe(1);
    expect(await refresh.refresh(scene.tenantId)).toBe(0);
    expect(await closer.close(scene.tenantId)).toBe(1);
    await scene.finishCloses();
    expect(await scene.statements()).toMatchObject([{ status: 'closed', value: '4' }]);

    await scene.use('2026-12-10T12:00:00Z', 5);
    await scene.now('2027-01-11T13:00:00Z');
    expect(await closer.close(scene.tenantId)).toBe(1);
  });

  it('refuse what is no source, and say where periods come from', async () => {
    const path = '/v1/customers/acme/meters/tokens/billing-period';
    expect((await scene.app.call('PUT', path, { source: 'moon' })).status).toBe(422);
    expect((await scene.app.call('PUT', path, {})).status).toBe(422);
    const read = await scene.app.call('GET', path);
    expect(read.body).toMatchObject({ customer_id: 'acme', meter: 'tokens', source: 'schedule' });
    expect((await scene.app.call('GET', path.replace('acme', 'nobody'))).status).toBe(404);
    scene.simulator.addFault({ match: { path: '/v1/subscriptions' }, count: 1, fault: '503' });
    const down = await scene.app.call('PUT', path, { source: 'stripe' });
    expect(down.body.code).toBe('stripe_unavailable');
  });
});
