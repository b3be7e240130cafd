import { startSimulator, type Simulator } from '@countonce/stripe-simulator';

/** What it has got. */
export interface StripeCounts {
  readonly events: number;
  readonly identifiers: number;
  /** Of each Stripe customer the sum; whole numbers. */
  readonly values: readonly (readonly [customer: string, value: number])[];
}

/** A simulated Stripe in a process of its own: its memory and its time are not those measured. */
export async function main([secretKey, eventName, callsPerSecond]: string[]): Promise<void> {
  // Ctrl-C is for the parent; without it there is nobody to simulate for.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(0));
  const limit = Number(callsPerSecond);
  const simulator = await startSimulator({
    rateLimits: { meterEventsLive: limit, overallSandbox: limit },
    autoCustomers: true,
  });
  const response = await fetch(`${simulator.url}/v1/billing/meters`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secretKey}` },
    body: new URLSearchParams({
      display_name: 'Calls',
      event_name: eventName!,
      'default_aggregation[formula]': 'sum',
    }),
  });
  if (!response.ok) throw new Error(await response.text());
  process.send!({ url: simulator.url });
  process.once('message', () => {
    // Not before it is written whole: whoever disconnects earlier may take the rest of it along.
    process.send!(countsOf(simulator), () => {
      void simulator.stop().then(() => process.disconnect());
    });
  });
}

function countsOf(simulator: Simulator): StripeCounts {
  const ledger = simulator.ledger();
  const values = new Map<string, number>();
  for (const { customer, value } of ledger) {
    values.set(customer, (values.get(customer) ?? 0) + Number(value));
  }
  const identifiers = new Set(ledger.map(({ identifier }) => identifier)).size;
  return { events: ledger.length, identifiers, values: [...values] };
}
