import { setTimeout as sleep } from 'node:timers/promises';
import { METERS } from './ingest-batch.js';
import type { BenchDatabase } from './rig/bench-postgres.js';
import type { BenchProcess } from './rig/bench-process.js';
import type { Benchmark } from './rig/benchmark.js';
import type { Measured } from './rig/measured.js';
import { figureOf } from './rig/figures.js';
import { fillLedger } from './rig/fill-ledger.js';
import { Recorded } from './rig/recorded.js';

const CUSTOMERS = 100_000;
const EVENTS_PER_PERIOD = 2;
/** Each fills a database of its own, which takes longer than what is measured. */
const ROUNDS_MAX = 3;
const POLL_MS = 20;

export const close: Benchmark = {
  name: 'close',
  what: 'the close of 100,000 customers x 5 meters, 2 events each, until each has its statement',
  reference: 'one INSERT ... SELECT sum ... GROUP BY of the same totals into a plain table',
  unit: 'periods/s',
  toReach: { atLeast: 0.3 },
  async run(rig) {
    const customers = rig.size('customers', CUSTOMERS);
    const periods = customers * METERS;
    const measured: Measured[] = [];
    const reference: Measured[] = [];
    const rounds = Math.min(rig.options.rounds, ROUNDS_MAX);
    for (let round = 1; round <= rounds; round++) {
      await using database = await rig.createDatabase();
      await using api = await rig.startApi(database);
      await api.createMeters(METERS);
      const events = periods * EVENTS_PER_PERIOD;
      const filling = { events, customers, meters: METERS, inTurn: true, monthsAgo: 1 };
      const recorded = new Recorded();
      await fillLedger(database.pool, filling, recorded, rig.say);
      await rig.postgres.checkpoint();
      reference.push(await rig.time(periods, [], () => database.pool.query(BARE)));
      await rig.postgres.checkpoint();
      measured.push(await rig.time(periods, [api], () => closeAll(api)));
      await recorded.hold(database);
      await holdStatements(database, periods);
      rig.say(`round ${round} of ${rounds}: ${measured.at(-1)!.perSecond.toFixed(0)} periods/s`);
    }
    return [figureOf(this, { measured, reference })];
  },
};

const BARE = `
  CREATE TABLE bare AS
  SELECT tenant_id, customer_no, meter_no, period_start, sum(quantity_sum) AS value,
         sum(entry_count) AS event_count
    FROM usage_total GROUP BY 1, 2, 3, 4`;

interface Close {
  readonly id: string;
  readonly status: string;
  readonly closed: number;
}

/** @param asOf RFC 3339; absent: now. @returns Once all statements are written. */
export async function closeAll(api: BenchProcess, asOf?: string): Promise<void> {
  const body = asOf === undefined ? {} : { as_of: asOf };
  let { id, status } = await api.ask<Close>('POST', '/v1/period-closes', body);
  while (status === 'running') {
    await sleep(POLL_MS);
    ({ status } = await api.ask<Close>('GET', `/v1/period-closes/${id}`));
  }
}

/** @throws Error where a statement is missing, or says other than the ledger. */
async function holdStatements(database: BenchDatabase, periods: number): Promise<void> {
  const { rows } = await database.pool.query<{ closed: string; right: string }>(
    `SELECT count(p.closed_at) AS closed,
            count(*) FILTER (WHERE (p.value, p.event_count) = (e.value, e.events)) AS right
       FROM billing_period p
       LEFT JOIN (SELECT customer_no, meter_no, period_start, sum(quantity) AS value,
                         count(*) AS events FROM usage_entry GROUP BY 1, 2, 3) e
       USING (customer_no, meter_no, period_start)`,
  );
  const { closed, right } = rows[0]!;
  if (Number(closed) === periods && Number(right) === periods) return;
  throw new Error(`closed wrong: ${closed} of ${periods} periods, ${right} of them right`);
}
