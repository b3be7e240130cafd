import { METERS, postBatches, SPREAD } from './ingest-batch.js';
import { postSingles } from './ingest-single.js';
import type { BenchDatabase } from './rig/bench-postgres.js';
import type { Benchmark } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { Recorded } from './rig/recorded.js';
import { inTurns } from './rig/rounds.js';

const SINGLES = {
  name: 'ingest_naive_single',
  unit: 'events/s',
  toReach: { atLeast: 15 },
} as const;

export const ingestNaive: Benchmark = {
  name: 'ingest_naive',
  what: 'batches of 1,000 (5 times as fast is to be reached) and singles (15 times)',
  reference: "TypeORM's findOneBy and save for each event and a row of totals, in the same Nest",
  unit: 'events/s',
  toReach: { atLeast: 5 },
  async run(rig) {
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await using naive = await rig.startReference(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    const naively = new Recorded();
    const path = '/v1/bench/naive';
    const { naiveBatches, naiveSingles, batches, singles } = await inTurns(rig, {
      naiveBatches: (seconds) =>
        rig.measure(postBatches([naive], seconds, SPREAD, path), [naive], naively),
      naiveSingles: (seconds) => rig.measure(postSingles(naive, seconds, path), [naive], naively),
      batches: (seconds) => rig.measure(postBatches([api], seconds), [api], recorded),
      singles: (seconds) => rig.measure(postSingles(api, seconds), [api], recorded),
    });
    await recorded.hold(database);
    // Reads and writes of two requests lie between one another: what is lost so belongs to the picture.
    const notes = { lost_by_reference: 1 - (await naiveTotal(database)) / naively.quantity };
    return [
      figureOf(
        { ...this, name: 'ingest_naive_batch', notes },
        { measured: batches, reference: naiveBatches },
      ),
      figureOf({ ...SINGLES, notes }, { measured: singles, reference: naiveSingles }),
    ];
  },
};

async function naiveTotal(database: BenchDatabase): Promise<number> {
  const { rows } = await database.pool.query<{ quantity: string }>(
    'SELECT coalesce(sum(quantity), 0) AS quantity FROM naive_total',
  );
  return Number(rows[0]!.quantity);
}
