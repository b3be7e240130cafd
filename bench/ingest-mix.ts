import { METERS, postBatches, SPREAD } from './ingest-batch.js';
import type { Benchmark } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { Recorded } from './rig/recorded.js';
import { inTurns } from './rig/rounds.js';

/** Shares of events that were recorded before, by the name of what is measured with them. */
const SHARES = { ingest_mix_0_6: 0.006, ingest_mix_30: 0.3, ingest_mix_100: 1 } as const;

export const ingestMix: Benchmark = {
  name: 'ingest_mix',
  what: 'batches with 0.6 %, 30 % and 100 % of copies of what was recorded',
  reference: 'ingest_batch, without copies',
  unit: 'events/s',
  toReach: { atLeast: 0.9 },
  async run(rig) {
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    const side = (duplicates: number) => (seconds: number) =>
      rig.measure(postBatches([api], seconds, { ...SPREAD, duplicates }), [api], recorded);
    const { reference, ...mixed } = await inTurns(rig, {
      reference: side(0),
      ingest_mix_0_6: side(SHARES.ingest_mix_0_6),
      ingest_mix_30: side(SHARES.ingest_mix_30),
      ingest_mix_100: side(SHARES.ingest_mix_100),
    });
    await recorded.hold(database);
    return Object.entries(mixed).map(([name, measured]) =>
      figureOf({ ...this, name }, { measured, reference }),
    );
  },
};
