import type { SimulatedStripe } from '../src/commands/demo/simulated-stripe.js';
import type { ProofClient } from './proof-client.js';
import { noonOf, type StoryClock, type StoryDay } from './story-clock.js';
import { CUSTOMERS, METERS } from './usage.js';

/** Stripe's ids of the first tenant's customers, by our own. */
export type StripeIds = ReadonlyMap<string, string>;

/** Meters and customers of both tenants under the same names; only the first one is at Stripe. */
export async function setScene(
  first: ProofClient,
  second: ProofClient,
  stripe: SimulatedStripe,
  clock: StoryClock,
): Promise<StripeIds> {
  await setClocks(first, stripe, clock.today);
  const stripeIds = new Map<string, string>();
  for (const { key, formula, ...meter } of METERS) {
    await stripe.createMeter(key, formula);
    await first.command('PUT', `/v1/meters/${key}`, { ...meter, stripe_event_name: key });
    await second.command('PUT', `/v1/meters/${key}`, meter);
  }
  for (const { id, period } of CUSTOMERS) {
    stripeIds.set(id, await stripe.createCustomer(id));
    const customer = { billing_period: period };
    const mapping = { stripe_customer_id: stripeIds.get(id) };
    await first.command('PUT', `/v1/customers/${id}`, { ...customer, ...mapping });
    await second.command('PUT', `/v1/customers/${id}`, customer);
  }
  return stripeIds;
}

/** Stripe's first: it takes no timestamps from the future. */
export async function setClocks(
  first: ProofClient,
  stripe: SimulatedStripe,
  day: StoryDay,
): Promise<void> {
  await stripe.setClock(noonOf(day));
  await first.command('POST', '/v1/test-clock', { now: noonOf(day).toISOString() });
}
