import { setTimeout as sleep } from 'node:timers/promises';
import { METERS, postBatches } from './ingest-batch.js';
import { postSingles } from './ingest-single.js';
import type { Job } from './load/jobs.js';
import type { BenchProcess } from './rig/bench-process.js';
import type { Benchmark } from './rig/benchmark.js';
import type { Measured } from './rig/measured.js';
import { figureOf } from './rig/figures.js';
import { Recorded } from './rig/recorded.js';
import { latencyOf } from './rig/statistics.js';

/** What a close may wait for those who record (docs/decisions/0007). */
const WAIT_MAX_MS = 500;
const LANES = 8;
const PAUSE_MAX_MS = 250;
/** Long ago, so that nothing becomes late: what is measured is the gate. */
const AS_OF = '2001-01-01T00:00:00Z';

export const closeWait: Benchmark = {
  name: 'close_wait',
  what: 'how long a close waits for its instant while 8 clients send batches, or 64 single events',
  reference: `${WAIT_MAX_MS} ms`,
  unit: 'ms (p95)',
  toReach: { atMost: 1 },
  async run(rig) {
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    const { seconds, rounds } = rig.options;
    const singles = postSingles(api, seconds);
    const batches = { ...postBatches([api], seconds), amount: { lanes: LANES, seconds } };
    const loads: Readonly<Record<string, Job>> = { batches, singles };
    const figures = [];
    for (const [name, job] of Object.entries(loads)) {
      const measured: Measured[] = [];
      for (let round = 1; round <= rounds; round++) {
        const work = { isDone: false };
        const loading = rig.measure(job, [api], recorded).finally(() => (work.isDone = true));
        const [during, waitsMs] = await Promise.all([loading, closesBeside(api, work)]);
        measured.push({ ...during, latency: latencyOf(waitsMs) });
        rig.say(`${name}, round ${round} of ${rounds}: ${waitsMs.length} closes`);
      }
      const bound = { p50Ms: WAIT_MAX_MS, p95Ms: WAIT_MAX_MS, p99Ms: WAIT_MAX_MS };
      const reference = measured.map((each) => ({ ...each, latency: bound }));
      const chosen = { ...this, name: `close_wait_${name}`, of: p95Of };
      figures.push(figureOf(chosen, { measured, reference }));
    }
    await recorded.hold(database);
    return figures;
  },
};

const p95Of = ({ latency }: Measured): number => latency.p95Ms;

/** Closes nothing, at random moments, at least once. @returns How long each took, in milliseconds. */
async function closesBeside(
  api: BenchProcess,
  work: { readonly isDone: boolean },
): Promise<number[]> {
  const waitsMs: number[] = [];
  do {
    await sleep(Math.random() * PAUSE_MAX_MS);
    const from = performance.now();
    await api.ask('POST', '/v1/period-closes', { as_of: AS_OF });
    waitsMs.push(performance.now() - from);
  } while (!work.isDone);
  return waitsMs;
}
