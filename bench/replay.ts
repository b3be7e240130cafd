import { setTimeout as sleep } from 'node:timers/promises';
import { METERS, SPREAD } from './ingest-batch.js';
import type { BenchProcess } from './rig/bench-process.js';
import type { Benchmark } from './rig/benchmark.js';
import { figureOf } from './rig/figures.js';
import { fillLedger } from './rig/fill-ledger.js';
import { Recorded } from './rig/recorded.js';
import { inTurns } from './rig/rounds.js';

const EVENTS = 5_000_000;
const POLL_MS = 20;

export const replay: Benchmark = {
  name: 'replay',
  what: 'building all totals of 5,000,000 events anew; and holding them against the ledger (replay_verify)',
  reference: 'one SELECT sum ... GROUP BY of the same entries',
  unit: 'events/s',
  toReach: { atLeast: 0.3 },
  async run(rig) {
    const events = rig.size('events', EVENTS);
    await using database = await rig.createDatabase();
    await using api = await rig.startApi(database);
    await api.createMeters(METERS);
    const recorded = new Recorded();
    await fillLedger(database.pool, { ...SPREAD, events }, recorded, rig.say);
    const { reference, verified, built } = await inTurns(rig, {
      reference: () => rig.time(events, [], () => database.pool.query(BARE)),
      verified: () => rig.time(events, [api], () => run(api, 'verify', events)),
      built: async () => {
        await database.pool.query('TRUNCATE usage_total');
        return rig.time(events, [api], () => run(api, 'apply', events));
      },
    });
    await run(api, 'verify', events);
    await recorded.hold(database);
    return [
      figureOf(this, { measured: built, reference }),
      figureOf({ ...this, name: 'replay_verify' }, { measured: verified, reference }),
    ];
  },
};

/** The sums that stand in a total, by what tells one from another. */
const BARE = `
  SELECT count(*) FROM (
    SELECT customer_no, meter_no, period_start,
           date_bin('15 minutes', occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00'),
           sum(quantity), count(*)
      FROM usage_entry GROUP BY 1, 2, 3, 4) t`;

interface Replay {
  readonly id: string;
  readonly status: string;
  readonly difference_count: number;
  readonly checked: { readonly entries: number };
}

async function run(api: BenchProcess, mode: 'verify' | 'apply', events: number): Promise<void> {
  let replay = await api.ask<Replay>('POST', '/v1/replays', { mode });
  while (replay.status === 'running') {
    await sleep(POLL_MS);
    replay = await api.ask<Replay>('GET', `/v1/replays/${replay.id}`);
  }
  const { status, checked, difference_count: differences } = replay;
  const isRight = checked.entries === events && (mode === 'verify') === (differences === 0);
  if (status !== 'finished' || !isRight)
    throw new Error(`replayed wrong: ${JSON.stringify(replay)}`);
}
