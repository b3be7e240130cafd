import type { SimulatedStripe } from '../src/commands/demo/simulated-stripe.js';
import type { Random } from '../src/commands/demo/random.js';

/** What goes wrong at Stripe itself, and how often. Nothing that it would take back a 200 for. */
const FAULTS = [
  { fault: 'lostResponse', probability: 0.04 },
  { fault: '503', probability: 0.02 },
  { fault: '429Burst', probability: 0.02 },
  { fault: 'resetBefore', probability: 0.02 },
  { fault: '500AfterCommit', probability: 0.02 },
  { fault: '500BeforeCommit', probability: 0.02 },
  { fault: 'truncatedBody', probability: 0.01 },
  { fault: { kind: 'outage', ms: 700, time: 'real' }, probability: 0.004 },
];

const FOR_EVER = 1e9;

export async function startStripeWeather(stripe: SimulatedStripe, random: Random): Promise<void> {
  const match = { path: '/v1/billing/meter_events' };
  await stripe.oracle('POST', '/_sim/faults', {
    faults: FAULTS.map((fault) => ({
      ...fault,
      match,
      count: FOR_EVER,
      seed: random.below(2 ** 31),
    })),
  });
}

/** @returns How many requests a fault fell on. */
export async function endStripeWeather(stripe: SimulatedStripe): Promise<number> {
  const hits = await stripe.faultsHit();
  await stripe.oracle('DELETE', '/_sim/faults');
  return hits;
}
