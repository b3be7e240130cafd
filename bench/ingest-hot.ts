import pg from 'pg';
import { METERS, postBatches, SPREAD } from './ingest-batch.js';
import type { UsageShape } from './load/usage.js';
import type { BenchDatabase } from './rig/bench-postgres.js';
import type { BenchProcess } from './rig/bench-process.js';
import type { Benchmark, Figure } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { Recorded } from './rig/recorded.js';
import type { Rig } from './rig/rig.js';
import { inTurns } from './rig/rounds.js';

const HOT: UsageShape = { ...SPREAD, customers: 1, meters: 1 };
const SLOW_COMMIT_MS = 1;

export const ingestHot: Benchmark = {
  name: 'ingest_hot',
  what: 'batches for one customer and meter, two API processes; also with slow commits, and beside a long reader',
  reference: 'ingest_batch through the same two processes under the same conditions',
  unit: 'events/s',
  toReach: { atLeast: 0.7 },
  async run(rig) {
    const { commitMs } = rig.options;
    const figures = [await hot(rig, 'ingest_hot')];
    await rig.postgres.setCommitMs(commitMs + SLOW_COMMIT_MS);
    try {
      figures.push(await hot(rig, 'ingest_hot_1ms_commits'));
    } finally {
      await rig.postgres.setCommitMs(commitMs);
    }
    figures.push(await hot(rig, 'ingest_hot_long_reader', longReader));
    return figures;
  },
};

async function hot(
  rig: Rig,
  name: string,
  beside: (database: BenchDatabase) => Promise<AsyncDisposable | undefined> = () =>
    Promise.resolve(undefined),
): Promise<Figure> {
  rig.say(name);
  await using database = await rig.createDatabase();
  await using first = await rig.startApi(database);
  await using second = await rig.startApi(database, 'api_2');
  await first.createMeters(METERS);
  const servers: BenchProcess[] = [first, second];
  const recorded = new Recorded();
  await using _ = await beside(database);
  const side = (usage: UsageShape) => (seconds: number) =>
    rig.measure(postBatches(servers, seconds, usage), servers, recorded);
  const { reference, measured } = await inTurns(rig, {
    reference: side(SPREAD),
    measured: side(HOT),
  });
  await recorded.hold(database);
  return figureOf({ ...ingestHot, name }, { measured, reference });
}

/** A transaction that has a snapshot: nothing that was deleted since can be taken away. */
async function longReader(database: BenchDatabase): Promise<AsyncDisposable> {
  const client = new pg.Client(database.url);
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await client.query('SELECT count(*) FROM usage_total');
  return { [Symbol.asyncDispose]: () => client.end() };
}
