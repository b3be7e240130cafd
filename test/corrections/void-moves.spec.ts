import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStripeScene, outline, type StripeScene } from '../support/stripe-scene.js';
import { foldAll } from '../../src/usage/fold.js';
import { Database } from '../../src/database/database.js';
import { rebuiltDifference } from './ledger-checks.js';

describe('usage that moves to other periods', () => {
  let scene: StripeScene;
  let db: Database;
  beforeEach(async () => {
    scene = await openStripeScene('2026-11-10T12:00:00Z');
    db = new Database(scene.app.databaseUrl, 2);
    await scene.app.call('PUT', '/v1/meters/peaks', {
      aggregation: 'max',
      event_types: ['tokens'],
    });
  });
  afterEach(async () => {
    await db.end();
    await scene[Symbol.asyncDispose]();
  });

  const voidOf = async (at: string, quantity: number) => {
    const body = { usage_event_id: `${at} ${quantity}`, reason: 'x' };
    return (await scene.app.call('POST', '/v1/usage-events/void', body)).body;
  };
  const peaks = async () =>
    (await scene.app.call('GET', '/v1/customers/acme/billing-periods?meter=peaks')).body.data;
  const check = async () => {
    await foldAll(db.work, scene.tenantId);
    expect(await rebuiltDifference(scene.app.pool, 'acme')).toEqual([]);
  };

  it('stays voided under another schedule, and can be voided there', async () => {
    await scene.use('2026-11-02T10:00:00Z', 5);
    await scene.use('2026-11-02T10:05:00Z', 7);
    await scene.use('2026-11-09T10:00:00Z', 2);
    await voidOf('2026-11-02T10:05:00Z', 7);
    await scene.app.call('PUT', '/v1/customers/acme', { billing_period: { interval: 'week' } });
    const weeks = [
      '2026-11-02T00:00 to 2026-11-09T00:00: 5',
      '2026-11-09T00:00 to 2026-11-16T00:00: 2',
    ];
    expect(outline(await scene.statements())).toEqual(weeks);
    expect(outline(await peaks())).toEqual(weeks);
    await check();
    const { effects } = await voidOf('2026-11-02T10:00:00Z', 5);
    expect(effects).toMatchObject([
      { meter: 'peaks', period_start: '2026-11-02T00:00:00.000Z', value: '-5' },
      { meter: 'tokens', period_start: '2026-11-02T00:00:00.000Z', value: '-5' },
    ]);
    expect((await peaks()).map(({ value }: any) => value)).toEqual(['0', '2']);
    await check();
  });

  it('stays voided where a subscription ends its period early, what was carried in included', async () => {
    const subscription = await scene.subscribe();
    await scene.fromStripe();
    await scene.now('2026-12-11T00:00:00Z');
    await scene.use('2026-11-20T00:00:00Z', 50);
    await scene.app.call('POST', '/v1/period-closes', { as_of: '2026-12-10T12:00:00Z' });
    await scene.now('2026-12-20T00:00:00Z');
    await scene.use('2026-12-12T00:00:00Z', 1);
    await scene.use('2026-12-15T00:00:00Z', 2);
    await scene.use('2026-12-15T00:01:00Z', 4);
    await voidOf('2026-12-15T00:01:00Z', 4);
    expect((await voidOf('2026-11-20T00:00:00Z', 50)).effects).toMatchObject([
      { meter: 'peaks', kind: 'amendment', value: '-50' },
      { meter: 'tokens', kind: 'carried', value: '-50' },
    ]);
    await scene.stripe.subscriptions.cancel(subscription.id);
    await scene.event('customer.subscription.deleted', subscription.id);
    expect(outline(await scene.statements())).toEqual([
      '2026-11-10T12:00 to 2026-12-10T12:00: 50',
      '2026-12-10T12:00 to 2026-12-20T00:00: -47',
    ]);
    await check();
  });
});
