import { closeAll } from './close.js';
import { METERS } from './ingest-batch.js';
import { postSingles } from './ingest-single.js';
import type { Benchmark } from './rig/benchmark.js';
import type { Measured } from './rig/measured.js';
import { figureOf } from './rig/figures.js';
import { fillLedger } from './rig/fill-ledger.js';
import { Recorded } from './rig/recorded.js';
import { median, rounded } from './rig/statistics.js';

const PERIODS = 100_000;

export const latency: Benchmark = {
  name: 'latency',
  what: 'p99 of singles at half the top rate, from when each was due, while 100,000 periods are closed',
  reference: 'the same without the close',
  unit: 'ms (p99)',
  toReach: { atMost: 3 },
  async run(rig) {
    const { seconds, rounds } = rig.options;
    const customers = Math.ceil(rig.size('periods', PERIODS) / METERS);
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    // A month to close for each round.
    for (let monthsAgo = 1; monthsAgo <= rounds; monthsAgo++) {
      const events = customers * METERS;
      const filling = { events, customers, meters: METERS, inTurn: true, monthsAgo };
      await fillLedger(database.pool, filling, recorded, rig.say);
    }
    const singles = postSingles(api, seconds);
    await rig.measure(singles, [api], recorded);
    const top = await rig.measure(singles, [api], recorded);
    const perSecond = top.perSecond / 2;
    const paced = { ...singles, amount: { ...singles.amount, perSecond } };
    rig.say(`${perSecond.toFixed(0)} singles a second`);

    const reference: Measured[] = [];
    const measured: Measured[] = [];
    const closeSeconds: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      await rig.postgres.checkpoint();
      reference.push(await rig.measure(paced, [api], recorded));
      await rig.postgres.checkpoint();
      const from = performance.now();
      const closing = closeAll(api, monthStart(rounds - round)).then(() => {
        closeSeconds.push((performance.now() - from) / 1_000);
      });
      const [during] = await Promise.all([rig.measure(paced, [api], recorded), closing]);
      measured.push(during);
      const p99s = [during, reference.at(-1)!].map(({ latency }) => latency.p99Ms.toFixed(1));
      rig.say(
        `round ${round} of ${rounds}: p99 ${p99s.join(' ms during the close, without it ')} ms`,
      );
    }
    await recorded.hold(database);
    // Where the close took less than the measurement, --periods was too small for --seconds.
    const notes = { close_seconds: rounded(median(closeSeconds)), per_second: rounded(perSecond) };
    return [
      figureOf({ ...this, notes, of: ({ latency }) => latency.p99Ms }, { measured, reference }),
    ];
  },
};

/** The first instant of the month so many before this one, RFC 3339. */
function monthStart(monthsAgo: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsAgo)).toISOString();
}
