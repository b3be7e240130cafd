import { expect, it } from 'vitest';
import { openStripeScene, partsOf } from '../support/stripe-scene.js';
import { placesOfAll } from './database-texts.js';

it('leaves a period as billed or unbillable as it was, and nothing of which invoice it was', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z');
  await scene.subscribe();
  await scene.fromStripe();
  await scene.now('2026-12-10T12:00:10Z');
  await scene.use('2026-12-01T00:00:00Z', 10);
  // Finalized by hand, and nobody told us before we sent.
  const { data } = await scene.stripe.invoices.list({ status: 'draft' });
  const invoice = data[0]!.id;
  await scene.stripe.invoices.finalizeInvoice(invoice);
  await scene.now('2026-12-10T12:01:00Z');
  await scene.push();
  await scene.event('invoice.finalized', invoice);
  await scene.finishCloses();
  await scene.push();
  const statement = async (id: string): Promise<any> => {
    const path = `/v1/customers/${id}/billing-periods?meter=tokens`;
    return (await scene.app.call('GET', path)).body.data[0];
  };
  const before = await statement('acme');
  expect(partsOf(before)).toEqual(['0', '0', '0', '0', '0', '0', '0', '10']);

  const path = '/v1/customers/acme/erasures';
  const { status, body } = await scene.app.call('POST', path, { reason: 'a test' });
  expect(status).toBe(200);
  const after = await statement(body.customer_id);
  expect(partsOf(after)).toEqual(partsOf(before));
  expect(after.invoice).toMatchObject({ ...before.invoice, id: expect.stringMatching(/^erased_/) });
  expect(after.digest).toBe(before.digest);
  expect(await placesOfAll(scene.app.pool, [invoice, scene.stripeCustomer])).toEqual({});
});
