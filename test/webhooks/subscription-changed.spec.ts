import { expect, it } from 'vitest';
import fc from 'fast-check';
import { openStripeScene, outline, type StripeScene } from '../support/stripe-scene.js';

/** What Stripe did, with the events that it sent about it. */
async function live(scene: StripeScene): Promise<{ type: string; id: string }[]> {
  const { stripe } = scene;
  const first = await scene.subscribe();
  await scene.now('2026-12-01T08:00:00Z');
  // The anchor is set anew: the open period is cut, and another one begins.
  await stripe.subscriptions.update(first.id, {
    billing_cycle_anchor: { type: 'now' },
    proration_behavior: 'none',
  });
  await scene.now('2026-12-20T00:00:00Z');
  await stripe.subscriptions.cancel(first.id);
  await scene.now('2026-12-22T06:00:00Z');
  const second = await scene.subscribe();
  await scene.now('2026-12-24T00:00:00Z');
  return [
    { type: 'customer.subscription.created', id: first.id },
    { type: 'customer.subscription.updated', id: first.id },
    { type: 'customer.subscription.deleted', id: first.id },
    { type: 'customer.subscription.created', id: second.id },
  ];
}

const USAGE: readonly (readonly [string, number])[] = [
  ['2026-11-30T23:59:59Z', 1],
  ['2026-12-01T07:59:59.999999Z', 2],
  ['2026-12-01T08:00:00Z', 4],
  ['2026-12-19T23:00:00Z', 8],
  ['2026-12-20T00:00:00Z', 16],
  ['2026-12-22T05:59:59Z', 32],
  ['2026-12-23T00:00:00Z', 64],
];

it('events of subscriptions give the same periods in every order and however often they come', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z');
  await scene.fromStripe();
  const events = await live(scene);
  for (const [at, quantity] of USAGE) await scene.use(at, quantity);
  for (const { type, id } of events) await scene.event(type, id);
  const expected = [
    '2026-11-10T12:00 to 2026-12-01T08:00: 3',
    '2026-12-01T08:00 to 2026-12-20T00:00: 12',
    '2026-12-20T00:00 to 2026-12-22T06:00: 48',
    '2026-12-22T06:00 to 2027-01-22T06:00: 64',
  ];
  expect(outline(await scene.statements())).toEqual(expected);

  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...events), { minLength: 1, maxLength: 6 }),
      async (delivered) => {
        await Promise.all(delivered.map(({ type, id }) => scene.event(type, id)));
        expect(outline(await scene.statements())).toEqual(expected);
      },
    ),
    { numRuns: 5 },
  );
});

it('events that arrive at once with usage lose none of it, and count none twice', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z');
  const subscription = await scene.subscribe();
  await scene.fromStripe();
  await scene.now('2026-11-20T00:00:00Z');
  await scene.stripe.subscriptions.cancel(subscription.id);
  await scene.now('2026-11-21T00:00:00Z');
  const usage = Array.from({ length: 60 }, (_, index) => {
    const at = Date.parse('2026-11-19T18:00:00Z') + index * 12 * 60_000;
    return { at: new Date(at).toISOString(), quantity: index + 1 };
  });
  await Promise.all([
    ...usage.map(({ at, quantity }) => scene.use(at, quantity)),
    scene.event('customer.subscription.deleted', subscription.id),
    scene.event('customer.subscription.deleted', subscription.id),
    scene.event('customer.subscription.updated', subscription.id),
  ]);
  const before = usage.filter(({ at }) => at < '2026-11-20T00:00:00.000Z');
  const sum = (list: typeof usage): number =>
    list.reduce((total, { quantity }) => total + quantity, 0);
  const after = sum(usage) - sum(before);
  expect(outline(await scene.statements())).toEqual([
    `2026-11-10T12:00 to 2026-11-20T00:00: ${sum(before)}`,
    `2026-11-20T00:00 to 2026-12-01T00:00: ${after}`,
  ]);
});

it('a closed period stays as it is, whatever Stripe says of its end later', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z');
  const subscription = await scene.subscribe();
  await scene.fromStripe();
  await scene.use('2026-11-10T12:00:00Z', 1);
  await scene.now('2026-12-10T13:00:00Z');
  await scene.app.call('POST', '/v1/period-closes', {});
  const [closed] = await scene.statements();
  expect(closed).toMatchObject({ status: 'closed', value: '1' });
  // Cancelled before the end of what is closed here; nobody was told in time.
  await scene.app.pool.query(`UPDATE item_period SET period_end = '2026-12-01'`);
  await scene.event('customer.subscription.updated', subscription.id);
  await scene.use('2026-12-05T00:00:00Z', 2);
  const after = await scene.statements();
  expect(after[0]).toMatchObject({ ...closed, carried_out: '2' });
  expect(outline(after)).toEqual([
    '2026-11-10T12:00 to 2026-12-10T12:00: 1',
    '2026-12-10T12:00 to 2027-01-10T12:00: 2',
  ]);
});

it('are ignored where nobody asked Stripe for the periods', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z');
  const subscription = await scene.subscribe();
  const result = await scene.event('customer.subscription.created', subscription.id);
  expect(result.outcome).toBe('ignored');
  expect((await scene.event('customer.subscription.created', 'sub_none')).outcome).toBe('ignored');
});
