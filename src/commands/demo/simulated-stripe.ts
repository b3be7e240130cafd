import { sumOf } from '../../domain/decimal-arithmetic.js';
import { CommandFailure } from '../command-failure.js';

export const SIMULATED_KEY = 'sk_test_countonce_demo';

/** What goes wrong at the simulated Stripe, on the way of our pushes. */
const FAULTS = [
  { fault: 'lostResponse', count: 8, probability: 0.08, seed: 1 },
  { fault: '503', count: 8, probability: 0.08, seed: 2 },
  { fault: '429Burst', count: 4, probability: 0.05, seed: 3 },
  { fault: 'resetBefore', count: 4, probability: 0.05, seed: 4 },
  { fault: '500AfterCommit', count: 4, probability: 0.05, seed: 5 },
  { fault: '500BeforeCommit', count: 4, probability: 0.05, seed: 6 },
];

/** The simulator in its own process, by the API that Stripe has and by its oracle. */
export class SimulatedStripe {
  constructor(
    readonly url: string,
    private readonly oracleUrl: string,
  ) {}

  /** @returns Its Stripe id. */
  async createCustomer(name: string): Promise<string> {
    return (await this.post('/v1/customers', { name })).id;
  }

  async createMeter(eventName: string, formula = 'sum'): Promise<string> {
    const meter = {
      display_name: eventName,
      event_name: eventName,
      'default_aggregation[formula]': formula,
    };
    return (await this.post('/v1/billing/meters', meter)).id;
  }

  async setClock(now: Date): Promise<void> {
    await this.oracle('POST', '/_sim/clock', { now: now.toISOString() });
  }

  async addFaults(): Promise<void> {
    const match = { path: '/v1/billing/meter_events' };
    await this.oracle('POST', '/_sim/faults', {
      faults: FAULTS.map((fault) => ({ ...fault, match })),
    });
  }

  /** How many requests a fault fell on. */
  async faultsHit(): Promise<number> {
    const { faults } = await this.oracle<{ faults: { hits: number }[] }>('GET', '/_sim/faults');
    return faults.reduce((sum, { hits }) => sum + hits, 0);
  }

  /** What Stripe would bill, by `customer event_name`. */
  async totals(): Promise<ReadonlyMap<string, string>> {
    const { totals } = await this.oracle<{
      totals: { customer: string; event_name: string; total: string }[];
    }>('GET', '/_sim/totals');
    const sums = new Map<string, string>();
    for (const { customer, event_name: eventName, total } of totals) {
      const name = `${customer} ${eventName}`;
      sums.set(name, sumOf([sums.get(name) ?? '0', total]));
    }
    return sums;
  }

  private async post(path: string, fields: Record<string, string>): Promise<{ id: string }> {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${SIMULATED_KEY}` },
      body: new URLSearchParams(fields),
    });
    return (await bodyOf(response, path)) as { id: string };
  }

  /** Asks or tells the simulator what Stripe could not be asked or told. */
  async oracle<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.oracleUrl + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await bodyOf(response, path)) as T;
  }
}

async function bodyOf(response: Response, path: string): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new CommandFailure(`The simulator refused ${path}: ${text}`, 'demo_simulator');
}
