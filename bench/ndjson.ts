import { METERS, postBatches, SPREAD } from './ingest-batch.js';
import { API_KEY } from './rig/bench-process.js';
import type { Benchmark } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { Recorded } from './rig/recorded.js';
import { inTurns } from './rig/rounds.js';

const LINES = 1_000_000;

export const ndjson: Benchmark = {
  name: 'ndjson',
  what: 'a stream of 1,000,000 lines in one request; its memory beside that of a tenth of it',
  reference: 'ingest_batch',
  unit: 'events/s',
  toReach: { atLeast: 0.9 },
  async run(rig) {
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    const lines = rig.size('lines', LINES);
    const stream = (lines: number) =>
      rig.measure(
        {
          kind: 'stream',
          url: `${api.url}/v1/usage-events?results=problems`,
          apiKey: API_KEY,
          lines,
          usage: SPREAD,
        },
        [api],
        recorded,
      );
    const tenth = await stream(Math.ceil(lines / 10));
    const { reference, streams } = await inTurns(rig, {
      reference: (seconds) => rig.measure(postBatches([api], seconds), [api], recorded),
      streams: () => stream(lines),
    });
    await recorded.hold(database);
    const figure = figureOf(this, { measured: streams, reference });
    const rssMb = tenth.processes['api']?.rssMb ?? Number.NaN;
    return [{ ...figure, notes: { rss_mb_of_a_tenth: rssMb } }];
  },
};
