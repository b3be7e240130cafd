import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStripeScene, type StripeScene } from '../support/stripe-scene.js';

let scene: StripeScene;
/** Of another customer, whose usage is planned together with that of whoever has the id again. */
let robin: string;

beforeEach(async () => {
  scene = await openStripeScene('2026-10-30T12:00:00Z');
  robin = (await scene.stripe.customers.create({ name: 'Robin' })).id;
  await put('robin', { stripe_customer_id: robin });
});
afterEach(() => scene[Symbol.asyncDispose]());

const put = (id: string, body: object) => scene.app.call('PUT', `/v1/customers/${id}`, body);

async function use(id: string, quantity: number, at: string) {
  const { status } = await scene.app.call('POST', '/v1/usage-events', {
    usage_event_id: `${id} ${quantity}`,
    customer_id: id,
    meter: 'tokens',
    quantity,
    occurred_at: at,
  });
  expect(status).toBe(201);
}

async function erase(id: string) {
  const path = `/v1/customers/${id}/erasures`;
  expect((await scene.app.call('POST', path, { reason: 'a test' })).status).toBe(200);
}

const counted = () =>
  scene.simulator.ledger().map(({ customer, value }) => [customer, Number(value)]);

it('holds what is used under the id of an erased customer, and pushes what others used', async () => {
  await use('heron', 3, '2026-10-30T10:00:00Z');
  await scene.push();
  await erase('heron');
  await use('heron', 4, '2026-10-30T10:30:00Z');
  await use('robin', 5, '2026-10-30T10:30:00Z');
  await scene.push();
  expect(counted()).toEqual([[robin, 5]]);
  const { body } = await scene.app.call('GET', '/v1/pushes?customer_id=heron');
  expect(body.data).toMatchObject([{ status: 'held', reason: 'customer_unmapped', value: '4' }]);

  await erase('heron');
  await use('heron', 6, '2026-10-30T10:40:00Z');
  await use('robin', 7, '2026-10-30T10:40:00Z');
  await scene.push();
  expect(counted()).toEqual([
    [robin, 5],
    [robin, 7],
  ]);
});

it('pushes for whoever has the id and the Stripe customer of an erased one', async () => {
  const yearly = { interval: 'year', anchor: '2026-01-01T00:00:00Z', timezone: 'UTC' };
  const acme = { stripe_customer_id: scene.stripeCustomer, billing_period: yearly };
  expect((await put('acme', acme)).status).toBe(200);
  await use('acme', 10, '2026-10-30T10:00:00Z');
  await scene.push();
  await erase('acme');
  // Nobody sees any more at which minutes Stripe has got something for it.
  await scene.now('2026-12-04T09:00:00Z');
  expect(await put('acme', acme)).toMatchObject({
    status: 409,
    body: { code: 'stripe_customer_erased', until: '2026-12-04T10:00:00.000Z' },
  });
  const line = JSON.stringify({ customer_id: 'wren', ...acme });
  const imported = await scene.app.call('PUT', '/v1/customers', line, {
    'content-type': 'application/x-ndjson',
  });
  expect(imported.text).toContain('stripe_customer_erased');
  await scene.now('2026-12-06T12:00:00Z');
  expect((await put('acme', acme)).status).toBe(201);
  await use('acme', 11, '2026-12-06T10:00:00Z');
  await use('robin', 12, '2026-12-06T10:00:00Z');
  await scene.push();
  expect(counted().toSorted()).toEqual(
    [
      [robin, 12],
      [scene.stripeCustomer, 10],
      [scene.stripeCustomer, 11],
    ].toSorted(),
  );
});
