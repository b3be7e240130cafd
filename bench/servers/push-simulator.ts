import { startSimulator } from '@countonce/stripe-simulator';

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
    const counted = simulator.ledger();
    const identifiers = new Set(counted.map(({ identifier }) => identifier));
    process.send!({ counted: counted.length, identifiers: identifiers.size });
    void simulator.stop().then(() => process.disconnect());
  });
}
