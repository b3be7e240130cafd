import { METERS, postBatches, SPREAD } from './ingest-batch.js';
import type { UsageShape } from './load/usage.js';
import type { Benchmark, Figure } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { fillLedger } from './rig/fill-ledger.js';
import { Recorded } from './rig/recorded.js';
import type { Rig } from './rig/rig.js';
import { inTurns } from './rig/rounds.js';

const EVENTS = 20_000_000;
/** How many times as many as in the ledger that it is held against. */
const GROWTH = 20;

export const ingestGrowth: Benchmark = {
  name: 'ingest_growth',
  what: 'batches with 20,000,000 events in the ledger, for random ids and for UUIDv7',
  reference: 'the same with a twentieth of them, in a database beside it',
  unit: 'events/s',
  toReach: { atLeast: 0.8 },
  async run(rig) {
    // One after the other, since the disk must hold what they are measured in.
    return [await growth(rig, 'random'), await growth(rig, 'uuidv7')];
  },
};

async function growth(rig: Rig, ids: UsageShape['ids']): Promise<Figure> {
  const events = rig.size('events', EVENTS);
  const usage = { ...SPREAD, ids };
  await using small = await rig.createDatabase();
  await using large = await rig.createDatabase();
  await using ofSmall = await rig.startApi(small, 'api_of_reference');
  await using ofLarge = await rig.startApi(large);
  const sides = [
    { api: ofSmall, database: small, events: Math.ceil(events / GROWTH), recorded: new Recorded() },
    { api: ofLarge, database: large, events, recorded: new Recorded() },
  ] as const;
  for (const { api, database, events, recorded } of sides) {
    await api.createMeters(METERS);
    await fillLedger(database.pool, { ...usage, events }, recorded, rig.say);
  }
  const [reference, measured] = sides.map(
    ({ api, recorded }) =>
      (seconds: number) =>
        rig.measure(postBatches([api], seconds, usage), [api], recorded),
  );
  const rounds = await inTurns(rig, { reference: reference!, measured: measured! });
  for (const { database, recorded } of sides) await recorded.hold(database);
  return figureOf({ ...ingestGrowth, name: `ingest_growth_${ids}` }, rounds);
}
