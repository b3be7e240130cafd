import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { SeededRandom } from '../races/seeded-random.js';
import { KillableServer } from './killable-server.js';

const SECRET_KEY = 'sk_live_51ShortMemory00000000';
const API_KEY = 'short_memory_'.padEnd(40, 'x');
/** Stripe forgets identifiers and keys after so long. */
const MEMORY_MS = 8_000;
/** And goes away for longer than that. */
const AWAY_MS = 12_000;
const STORM_MS = 40_000;
const CUSTOMERS = ['a', 'b', 'c'];
const EVENTS = { method: 'POST', path: '/v1/billing/meter_events' };
const FAULTS = ['lostResponse', '500AfterCommit', 'truncatedBody', 'resetBefore', '503'] as const;
/** A killed process has its pushes for two minutes. */
const REST_MAX_MS = 280_000;

interface Standing {
  readonly status: string;
  readonly value: number;
  readonly count: number;
}

it(
  'counts nothing twice at a Stripe that forgets while it is away, whoever is killed meanwhile',
  { timeout: 400_000 },
  async () => {
    await using database = await createTestDatabase();
    const simulator = await startForgetfulStripe();
    const env = {
      DATABASE_URL: database.url,
      STRIPE_SECRET_KEY: SECRET_KEY,
      STRIPE_API_BASE: simulator.url,
      STRIPE_CALLS_PER_SECOND: '100',
      PUSH_INTERVAL_SECONDS: '1',
      PUSH_RESEND_WINDOW_SECONDS: '4',
      READBACK_STABLE_SECONDS: '2',
      LOG_LEVEL: 'info',
    };
    const start = (): Promise<KillableServer> => KillableServer.start(env, API_KEY);
    let servers = [await start(), await start()];
    try {
      await setUp(servers[0]!);
      const random = new SeededRandom();
      const end = Date.now() + STORM_MS;
      for (let turn = 0; Date.now() < end; turn++) {
        await use(servers[1]!, turn, random);
        if (turn % 4 === 0) simulator.addFault({ match: EVENTS, fault: random.pick(FAULTS) });
        if (turn % 60 === 25) {
          simulator.addFault({
            match: EVENTS,
            fault: { kind: 'outage', ms: AWAY_MS, time: 'real' },
          });
        }
        if (turn === 15) {
          await servers[0]!.kill();
          servers = [await start(), servers[1]!];
        }
        await sleep(200);
      }
      simulator.clearFaults();
      await rest(database, servers[1]!, random);

      const times = new Map<string, number>();
      for (const { identifier } of simulator.ledger()) {
        times.set(identifier, (times.get(identifier) ?? 0) + 1);
      }
      expect([...times].filter(([, count]) => count > 1)).toEqual([]);
      const { usage, open, sent } = await sums(database);
      const counted = simulator.ledger().reduce((sum, { value }) => sum + Number(value), 0);
      expect({ counted, open: usage - sent }).toEqual({ counted: sent, open });
    } finally {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      await simulator.stop();
    }
  },
);

async function startForgetfulStripe(): Promise<Simulator> {
  const simulator = await startSimulator({
    belowStripeMinimum: true,
    rateLimits: false,
    autoCustomers: true,
    switches: {
      identifierWindowMs: MEMORY_MS,
      keyTtlMs: MEMORY_MS,
      aggregationLagMs: { minMs: 0, maxMs: 800 },
    },
  });
  const meter = {
    display_name: 'Calls',
    event_name: 'calls',
    'default_aggregation[formula]': 'sum',
  };
  const made = await fetch(`${simulator.url}/v1/billing/meters`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET_KEY}` },
    body: new URLSearchParams(meter),
  });
  expect(made.status).toBe(200);
  return simulator;
}

async function setUp(server: KillableServer): Promise<void> {
  await server.call('PUT', '/v1/meters/calls', { aggregation: 'sum', stripe_event_name: 'calls' });
  for (const id of CUSTOMERS) {
    await server.call('PUT', `/v1/customers/${id}`, {
      stripe_customer_id: `cus_${id}`,
      billing_period: { interval: 'year', interval_count: 1, anchor: '2020-01-01T00:00:00Z' },
    });
  }
}

/** Of the last hours: each has sixty minutes, and each push needs one for itself. */
async function use(server: KillableServer, turn: number, random: SeededRandom): Promise<void> {
  const hoursAgo = random.fraction() * 12;
  const answer = await server.call('POST', '/v1/usage-events', {
    usage_event_id: `event-${turn}`,
    customer_id: random.pick(CUSTOMERS),
    meter: 'calls',
    quantity: String(random.whole(1, 99)),
    occurred_at: new Date(Date.now() - hoursAgo * 3_600_000).toISOString(),
  });
  expect(answer.status).toBe(201);
}

/** Waits until nothing is on its way, or unknown; something new shows how far Stripe has come. */
async function rest(
  database: TestDatabase,
  server: KillableServer,
  random: SeededRandom,
): Promise<void> {
  const deadline = Date.now() + REST_MAX_MS;
  for (let turn = 1_000_000; Date.now() < deadline; turn++) {
    const waiting = await standings(database, ['pending', 'sending', 'unknown', 'disputed']);
    const { usage, sent } = await sums(database);
    if (waiting.length === 0 && usage === sent) return;
    if (turn % 5 === 0 && Date.now() < deadline - 100_000) await use(server, turn, random);
    await sleep(1_000);
  }
}

async function standings({ pool }: TestDatabase, statuses: readonly string[]): Promise<Standing[]> {
  const { rows } = await pool.query<Standing>(
    `SELECT status, sum(value)::float8 AS value, count(*)::integer AS count
       FROM push WHERE status = ANY ($1) GROUP BY status ORDER BY status`,
    [statuses],
  );
  return rows;
}

/** All usage, what of it is delivered, and what stands open in rows. */
async function sums(
  database: TestDatabase,
): Promise<{ usage: number; sent: number; open: number }> {
  const { rows } = await database.pool.query<{ usage: number }>(
    'SELECT coalesce(sum(quantity), 0)::float8 AS usage FROM usage_entry',
  );
  const valueOf = async (statuses: string[]): Promise<number> =>
    (await standings(database, statuses)).reduce((sum, { value }) => sum + value, 0);
  return {
    usage: rows[0]!.usage,
    sent: await valueOf(['delivered', 'confirmed']),
    open: await valueOf(['pending', 'sending', 'unknown', 'disputed']),
  };
}
