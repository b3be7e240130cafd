import { describe, expect, it } from 'vitest';
import type { PushScene } from '../push/push-scene.js';
import { mapped } from '../push/mapped-scene.js';
import { STRIPE_CUSTOMER } from '../push/push-scene.js';
import { foreign, NOVEMBER, push, reconciled, use } from './reconciled-scene.js';

const DECEMBER_MS = Date.UTC(2026, 11, 1);
const HOUR_MS = 3_600_000;

/** A subscription that bills the meter by the calendar month, from November on. */
async function subscribed(): Promise<PushScene> {
  const scene = await mapped({ READBACK_STABLE_SECONDS: '0' });
  await scene.now('2026-11-01T00:00:00Z');
  const meter = await scene.stripeMeter();
  const price = await scene.stripe(
    '/v1/prices',
    new URLSearchParams({
      currency: 'usd',
      'product_data[name]': 'Calls',
      unit_amount_decimal: '0.5',
      'recurring[interval]': 'month',
      'recurring[usage_type]': 'metered',
      'recurring[meter]': meter.id,
    }),
  );
  await scene.stripe(
    '/v1/subscriptions',
    new URLSearchParams({
      customer: STRIPE_CUSTOMER,
      'items[0][price]': price.id,
      billing_cycle_anchor: String(Date.UTC(2026, 10, 1) / 1_000),
    }),
  );
  await scene.now('2026-11-10T12:30:20Z');
  await use(scene, '30.5');
  await push(scene);
  return scene;
}

async function at(scene: PushScene, ms: number): Promise<void> {
  await scene.simulator.advanceTo(ms);
  await scene.now(new Date(ms).toISOString());
}

describe('an invoice of a period', () => {
  it('is not asked for before it can be final', async () => {
    await using scene = await subscribed();
    expect((await reconciled(scene)).lane.invoice).toBeNull();
    await at(scene, DECEMBER_MS + HOUR_MS / 2);
    expect((await reconciled(scene)).lane.invoice).toBeNull();
  });

  it('bills what was delivered, to the last digit', async () => {
    await using scene = await subscribed();
    await at(scene, DECEMBER_MS + 2 * HOUR_MS);
    const { lane } = await reconciled(scene);
    expect(lane.invoice).toMatchObject({ verdict: 'billed', quantity: '30.5', difference: '0' });
    expect(lane.invoice!.invoices).toHaveLength(1);
  });

  it('bills less where some was delivered after it was final', async () => {
    await using scene = await subscribed();
    await at(scene, DECEMBER_MS + 2 * HOUR_MS);
    await use(scene, '2', '11');
    await push(scene);
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'matched',
      ours: '32.5',
      invoice: { verdict: 'underbilled', quantity: '30.5', difference: '-2' },
    });
  });

  it('bills more where others have reported usage', async () => {
    await using scene = await subscribed();
    await foreign(scene, '4', '2026-11-10T11:11:00Z');
    await at(scene, DECEMBER_MS + 2 * HOUR_MS);
    expect((await reconciled(scene)).lane).toMatchObject({
      verdict: 'drift',
      invoice: { verdict: 'overbilled', quantity: '34.5', difference: '4' },
    });
  });

  it('is missing three days after the end of a period that no subscription bills', async () => {
    await using scene = await mapped({ READBACK_STABLE_SECONDS: '0' });
    await scene.stripeMeter();
    await use(scene, '10');
    await push(scene);
    await at(scene, DECEMBER_MS + 74 * HOUR_MS);
    expect((await reconciled(scene)).lane).toMatchObject({
      period_start: NOVEMBER.replace('Z', '.000Z'),
      verdict: 'matched',
      invoice: { verdict: 'not_on_an_invoice', quantity: null },
    });
  });
});
