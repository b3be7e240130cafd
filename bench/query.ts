import { METERS, SPREAD } from './ingest-batch.js';
import type { BenchDatabase } from './rig/bench-postgres.js';
import { API_KEY, type BenchProcess } from './rig/bench-process.js';
import type { Benchmark } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { fillLedger } from './rig/fill-ledger.js';
import { Recorded } from './rig/recorded.js';
import { inTurns } from './rig/rounds.js';

const EVENTS = 20_000_000;
const CUSTOMERS_ASKED = 1_000;
const ANSWERS_CHECKED = 20;

export const query: Benchmark = {
  name: 'query',
  what: 'GET of the current total of one customer, one after the other, 20,000,000 events in the ledger',
  reference: 'SELECT of one row by primary key through pg',
  unit: 'ms (p50)',
  toReach: { atMost: 3 },
  async run(rig) {
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    await fillLedger(
      database.pool,
      { ...SPREAD, events: rig.size('events', EVENTS) },
      recorded,
      rig.say,
    );
    const asked = await createBareTotals(database);
    await holdAnswers(api, asked);
    const { reference, measured } = await inTurns(rig, {
      reference: (seconds) =>
        rig.measure(
          {
            kind: 'select',
            amount: { lanes: 1, seconds },
            databaseUrl: database.url,
            sql: 'SELECT value FROM bare WHERE customer_id = $1 AND meter = $2 AND period_start = $3',
            parameters: asked.map((each) => [each.customer_id, each.meter, each.period_start]),
          },
          [],
        ),
      measured: (seconds) =>
        rig.measure(
          {
            kind: 'get',
            amount: { lanes: 1, seconds },
            urls: asked.map((each) => api.url + pathOf(each)),
            apiKey: API_KEY,
          },
          [api],
        ),
    });
    await recorded.hold(database);
    return [figureOf({ ...this, of: ({ latency }) => latency.p50Ms }, { measured, reference })];
  },
};

interface Asked {
  readonly customer_id: string;
  readonly meter: string;
  readonly period_start: string;
  readonly value: string;
}

/** A row for each total of a period. @returns Some of the current ones, from all customers. */
async function createBareTotals({ pool }: BenchDatabase): Promise<Asked[]> {
  await pool.query(
    `CREATE TABLE bare AS
     SELECT c.customer_id, m.key AS meter, t.period_start, sum(t.quantity_sum) AS value
       FROM usage_total t JOIN customer c USING (tenant_id, customer_no)
       JOIN meter m USING (tenant_id, meter_no) GROUP BY 1, 2, 3`,
  );
  await pool.query('ALTER TABLE bare ADD PRIMARY KEY (customer_id, meter, period_start)');
  const { rows } = await pool.query<Asked>(
    `SELECT customer_id, meter, value::text,
            to_char(period_start, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS period_start
       FROM bare WHERE period_start = date_trunc('month', now()) ORDER BY random() LIMIT $1`,
    [CUSTOMERS_ASKED],
  );
  if (rows.length === 0) throw new Error('no usage in the current period');
  return rows;
}

function pathOf({ customer_id: customerId, meter, period_start: from }: Asked): string {
  const parameters = { meter, customer_id: customerId, window: 'period', from };
  return `/v1/usage?${new URLSearchParams(parameters).toString()}`;
}

/** @throws Error where an answer is not the sum of what is in the ledger. */
async function holdAnswers(api: BenchProcess, asked: readonly Asked[]): Promise<void> {
  for (const each of asked.slice(0, ANSWERS_CHECKED)) {
    const { data } = await api.ask<{ data: { value: string }[] }>('GET', pathOf(each));
    if (Number(data[0]?.value) === Number(each.value)) continue;
    throw new Error(`answered wrong: ${JSON.stringify(data)} for ${JSON.stringify(each)}`);
  }
}
