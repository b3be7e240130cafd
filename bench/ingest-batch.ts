import type { Job, Amount } from './load/jobs.js';
import type { UsageShape } from './load/usage.js';
import type { BenchDatabase } from './rig/bench-postgres.js';
import { API_KEY, type BenchProcess } from './rig/bench-process.js';
import type { Benchmark } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { Recorded } from './rig/recorded.js';
import { inTurns } from './rig/rounds.js';

/** Events of a batch. */
const BATCH = 1_000;
/** Connections that send batches. */
const BATCH_LANES = 4;
export const METERS = 5;

/** Few of 2,000 customers have most of the usage; it is of the last week. */
export const SPREAD: UsageShape = {
  customers: 2_000,
  meters: METERS,
  ids: 'random',
  duplicates: 0,
};

export const ingestBatch: Benchmark = {
  name: 'ingest_batch',
  what: 'POST of 1,000 new events, 4 connections, 2,000 customers x 5 meters over a week',
  reference: 'the same rows into one table with a unique key by plain pg, as many connections',
  unit: 'events/s',
  toReach: { atLeast: 0.4 },
  async run(rig) {
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await api.createMeters(METERS);
    await createBareTable(database);
    const recorded = new Recorded();
    const { reference, batches } = await inTurns(rig, {
      reference: (seconds) =>
        rig.measure(bareInserts(database, { seconds, lanes: BATCH_LANES }), []),
      batches: (seconds) => rig.measure(postBatches([api], seconds), [api], recorded),
    });
    await recorded.hold(database);
    return [figureOf(this, { measured: batches, reference })];
  },
};

export function postBatches(
  servers: readonly BenchProcess[],
  seconds: number,
  usage: UsageShape = SPREAD,
  path = '/v1/usage-events?results=problems',
): Extract<Job, { kind: 'post' }> {
  return {
    kind: 'post',
    amount: { lanes: BATCH_LANES, seconds },
    urls: servers.map(({ url }) => url + path),
    apiKey: API_KEY,
    eventsPerRequest: BATCH,
    usage,
    memory: servers[0]!.url,
    verdicts: true,
  };
}

/** Without the least of what a ledger needs beside it. */
export async function createBareTable(database: BenchDatabase): Promise<void> {
  await database.pool.query(
    `CREATE TABLE bare (tenant_id uuid NOT NULL, event_key uuid NOT NULL, customer_id text NOT NULL,
            meter text NOT NULL, quantity numeric NOT NULL, occurred_at timestamptz NOT NULL,
            PRIMARY KEY (tenant_id, event_key))`,
  );
}

function bareInserts(database: BenchDatabase, amount: Amount): Job {
  return {
    kind: 'insert',
    amount,
    databaseUrl: database.url,
    eventsPerRequest: BATCH,
    usage: SPREAD,
  };
}
