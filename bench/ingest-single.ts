import { METERS, SPREAD } from './ingest-batch.js';
import type { Job } from './load/jobs.js';
import { API_KEY, type BenchProcess } from './rig/bench-process.js';
import type { Benchmark } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { Recorded } from './rig/recorded.js';
import { inTurns } from './rig/rounds.js';

/** Connections that send single events. */
const SINGLE_LANES = 64;

export const ingestSingle: Benchmark = {
  name: 'ingest_single',
  what: 'one event a POST, 64 connections',
  reference: 'a POST route of the same Nest application that parses the body and answers',
  unit: 'events/s',
  toReach: { atLeast: 0.35 },
  async run(rig) {
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await using parsing = await rig.startReference(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    const { reference, singles } = await inTurns(rig, {
      reference: (seconds) =>
        rig.measure(postSingles(parsing, seconds, '/v1/bench/parse'), [parsing]),
      singles: (seconds) => rig.measure(postSingles(api, seconds), [api], recorded),
    });
    await recorded.hold(database);
    return [figureOf(this, { measured: singles, reference })];
  },
};

export function postSingles(
  server: BenchProcess,
  seconds: number,
  path = '/v1/usage-events',
): Extract<Job, { kind: 'post' }> {
  return {
    kind: 'post',
    amount: { lanes: SINGLE_LANES, seconds },
    urls: [server.url + path],
    apiKey: API_KEY,
    eventsPerRequest: 1,
    usage: SPREAD,
    memory: server.url,
    verdicts: true,
  };
}
