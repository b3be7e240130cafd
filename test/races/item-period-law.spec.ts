import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openStripeScene, partsOf, type StripeScene } from '../support/stripe-scene.js';

type Step =
  | { readonly kind: 'use'; readonly hoursAgo: number; readonly quantity: number }
  | { readonly kind: 'push' | 'cancel' | 'subscribe' | 'anchor' | 'event' | 'wait' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('use' as const),
        hoursAgo: fc.double({ min: 0, max: 60, noNaN: true }),
        quantity: fc.integer({ min: 1, max: 99 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('push' as const, 'wait' as const, 'event' as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('cancel' as const, 'subscribe' as const, 'anchor' as const),
      }),
    },
  ),
  { minLength: 8, maxLength: 16 },
);

/** Events come when they come, some of them never: what counts is that the last one does. */
async function run(scene: StripeScene, list: readonly Step[]): Promise<number> {
  const { stripe } = scene;
  let now = Date.parse('2026-11-10T12:00:00Z');
  let last = await scene.subscribe();
  let isLive = true;
  let total = 0;
  for (const step of list) {
    // Never on a whole minute, so that periods end in the middle of one.
    now += 7 * 3_600_000 + 13_000;
    await scene.now(new Date(now).toISOString());
    if (step.kind === 'use') {
      const at = new Date(Math.floor(now - step.hoursAgo * 3_600_000)).toISOString();
      const answer = await scene.use(at, step.quantity);
      if (answer.status === 'accepted') total += step.quantity;
    } else if (step.kind === 'push') await scene.push();
    else if (step.kind === 'event') await scene.event('customer.subscription.updated', last.id);
    else if (step.kind === 'cancel' && isLive) {
      await stripe.subscriptions.cancel(last.id);
      isLive = false;
    } else if (step.kind === 'subscribe' && !isLive) {
      last = await scene.subscribe();
      isLive = true;
    } else if (step.kind === 'anchor' && isLive) {
      await stripe.subscriptions.update(last.id, { billing_cycle_anchor: { type: 'now' } });
    }
  }
  await scene.event('customer.subscription.updated', last.id);
  await scene.now(new Date(now + 2 * 3_600_000).toISOString());
  await scene.push();
  return total;
}

it('what Stripe holds of each period is what its statement says was delivered, whenever it was cut', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      await using scene = await openStripeScene('2026-11-10T12:00:00Z');
      await scene.fromStripe();
      const total = await run(scene, list);
      const statements = await scene.statements();
      const sum = (values: readonly string[]): number =>
        values.reduce((before, value) => before + Number(value), 0);
      expect(sum(statements.map(({ value }) => value))).toBe(total);
      statements.forEach((statement, index) => {
        const { period_start: start, period_end: end, value, delivered_value } = statement;
        expect(sum(partsOf(statement))).toBe(Number(value));
        expect(scene.counted(start, end)).toBe(Number(delivered_value));
        const next = statements[index + 1];
        if (next !== undefined) expect(end <= next.period_start).toBe(true);
      });
    }),
    { numRuns: 6, endOnFailure: true },
  );
}, 120_000);

it('a close during a change of periods has each entry in one statement', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z');
  const subscription = await scene.subscribe();
  await scene.fromStripe();
  await scene.now('2026-11-20T00:00:00Z');
  await scene.stripe.subscriptions.cancel(subscription.id);
  await scene.now('2026-12-11T00:00:00Z');
  const hours = Array.from({ length: 40 }, (_, index) => index);
  const use = (hour: number): Promise<unknown> =>
    scene.use(new Date(Date.parse('2026-11-19T04:00:00Z') + hour * 3_600_000).toISOString(), 1);
  await Promise.all(hours.filter((hour) => hour % 2 === 0).map(use));
  await Promise.all([
    ...hours.filter((hour) => hour % 2 === 1).map(use),
    scene.event('customer.subscription.deleted', subscription.id),
    scene.app.call('POST', '/v1/period-closes', {}),
    scene.event('customer.subscription.deleted', subscription.id),
  ]);
  await scene.app.call('POST', '/v1/period-closes', {});
  const statements = await scene.statements();
  const total = statements.reduce((sum, { value }) => sum + Number(value), 0);
  expect(total).toBe(hours.length);
  const { rows } = await scene.app.pool.query(
    `SELECT p.value::int AS value, (SELECT coalesce(sum(e.quantity), 0)::int FROM usage_entry e
              WHERE e.period_start = p.period_start AND e.revision = 0 AND NOT EXISTS (
                    SELECT FROM usage_entry n WHERE n.event_key = e.event_key
                       AND n.meter_no = e.meter_no AND n.entry_no > e.entry_no)) AS entries
       FROM billing_period p WHERE p.closed_at IS NOT NULL`,
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const { value, entries } of rows) expect(value).toBe(entries);
});
