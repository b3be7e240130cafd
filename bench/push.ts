import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BenchDatabase } from './rig/bench-postgres.js';
import type { Benchmark } from './rig/benchmark.js';
import type { Measured } from './rig/measured.js';
import { createDuePushes } from './rig/due-pushes.js';
import { figureOf } from './rig/figures.js';
import type { Rig } from './rig/rig.js';
import { latencyOf } from './rig/statistics.js';
import type { StripeCounts } from './servers/push-simulator.js';

const PUSHES = 20_000;
const PER_SECOND = 1_000;
const SECRET_KEY = 'sk_live_51BenchAccount0000000';
const ACCOUNT_ID = 'acct_bench';
const EVENT_NAME = 'calls';
const POLL_MS = 100;
const RUN_CHILD = fileURLToPath(new URL('run-child.js', import.meta.url));

export const push: Benchmark = {
  name: 'push',
  what: '20,000 pushes that are due, one a customer, sent by a worker to the simulator',
  reference: 'the 1,000 a second that are permitted',
  unit: 'pushes/s',
  toReach: { atLeast: 0.95 },
  async run(rig) {
    const measured: Measured[] = [];
    for (let round = 1; round <= rig.options.rounds; round++) {
      measured.push(await drained(rig));
      rig.say(
        `round ${round} of ${rig.options.rounds}: ${measured.at(-1)!.perSecond.toFixed(0)}/s`,
      );
    }
    const reference = measured.map((each) => ({ ...each, perSecond: PER_SECOND }));
    return [figureOf(this, { measured, reference })];
  },
};

async function drained(rig: Rig): Promise<Measured> {
  const pushes = rig.size('pushes', PUSHES);
  const simulator = fork(RUN_CHILD, [
    'servers/push-simulator.ts',
    SECRET_KEY,
    EVENT_NAME,
    String(PER_SECOND),
  ]);
  try {
    const [{ url }] = (await once(simulator, 'message')) as [{ url: string }];
    await using database = await rig.createDatabase();
    const variables = {
      STRIPE_SECRET_KEY: SECRET_KEY,
      STRIPE_ACCOUNT_ID: ACCOUNT_ID,
      STRIPE_API_BASE: url,
      STRIPE_CALLS_PER_SECOND: String(PER_SECOND),
      RECONCILE_INTERVAL_SECONDS: '0',
    };
    await createDuePushes(rig, database, { pushes, eventName: EVENT_NAME, variables });
    await rig.postgres.checkpoint();
    await using worker = await rig.startApi(database, 'api', { ...variables, ROLE: 'worker' });
    const { processes } = await rig.watch([worker], () => untilDelivered(database));
    await holdCounts(database, simulator);
    const { rows } = await database.pool.query<{ from_ms: number; to_ms: number }>(
      `SELECT extract(epoch FROM first_attempt_at)::float8 * 1000 AS from_ms,
              extract(epoch FROM delivered_at)::float8 * 1000 AS to_ms FROM push`,
    );
    const begin = rows.reduce((least, { from_ms: ms }) => Math.min(least, ms), Infinity);
    const end = rows.reduce((most, { to_ms: ms }) => Math.max(most, ms), 0);
    const latency = latencyOf(rows.map((row) => row.to_ms - row.from_ms));
    return { perSecond: (rows.length * 1_000) / (end - begin), latency, processes };
  } finally {
    simulator.kill();
  }
}

/** @throws Error where one will never be. */
async function untilDelivered({ pool }: BenchDatabase): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ left: number; rejected: number }>(
      `SELECT count(*) FILTER (WHERE status NOT IN ('delivered', 'confirmed'))::integer AS left,
              count(*) FILTER (WHERE status = 'rejected')::integer AS rejected FROM push`,
    );
    const { left, rejected } = rows[0]!;
    if (rejected > 0) throw new Error(`${rejected} pushes were taken back or refused`);
    if (left === 0) return;
    await sleep(POLL_MS);
  }
}

/** @throws Error where the simulator has anything else than the ledger, customer by customer. */
async function holdCounts({ pool }: BenchDatabase, simulator: ChildProcess): Promise<void> {
  simulator.send('stop');
  const [{ events, identifiers, values }] = (await once(simulator, 'message')) as [StripeCounts];
  const { rows } = await pool.query<{ customer: string; value: number }>(
    `SELECT c.stripe_customer_id AS customer, sum(e.quantity)::float8 AS value
       FROM usage_entry e JOIN customer c USING (tenant_id, customer_no) GROUP BY 1`,
  );
  const pushed = await pool.query('SELECT FROM push');
  const atStripe = new Map(values);
  const wrong = rows.filter(({ customer, value }) => atStripe.get(customer) !== value);
  const isAll = atStripe.size === rows.length && wrong.length === 0;
  if (isAll && events === pushed.rowCount && identifiers === events) return;
  const counted = `${events} events of ${identifiers} identifiers for ${atStripe.size} customers`;
  throw new Error(
    `Stripe has ${counted}, where ${pushed.rowCount} pushes were made for ${rows.length}; ` +
      `${wrong.length} sums differ from the ledger`,
  );
}
