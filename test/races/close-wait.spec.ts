import { describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from './daily-tenant.js';
import { holdId } from './held-transaction.js';
import { pause, untilWaiting } from './waiting.js';

const NOON = dayStart(0) + (dayStart(1) - dayStart(0)) / 2;
const WHOLE_TENANT = { asOf: dayStart(1), customerNo: 0, meterNo: 0, byClock: false };
const POLL_MS = 10;

/** How long the close has been waiting for the gate in its try of this moment, by the database. */
async function tryMs({ db }: DailyTenant): Promise<number> {
  const [waiting] = await db.work.query<{ ms: number }>(
    `SELECT (extract(epoch FROM clock_timestamp() - query_start) * 1000)::integer AS ms
       FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'countonce work'
        AND wait_event_type = 'Lock' AND wait_event = 'advisory'`,
  );
  return waiting?.ms ?? 0;
}

async function untilTryOf(test: DailyTenant, ms: number): Promise<void> {
  while ((await tryMs(test)) < ms) await pause(POLL_MS);
}

describe('the gate', () => {
  it('is held by a recording transaction for 500 events at most', async () => {
    await using test = await createDailyTenant();
    const events = Array.from({ length: 2_500 }, (_, n) => usage(`event ${n}`, '1', NOON));

    await new Recorder(test.db, test.config).record(test.tenantId, events);

    const transactions = await test.db.work.query<{ events: number }>(
      'SELECT count(*) AS events FROM usage_event GROUP BY xmin::text ORDER BY 1 DESC',
    );
    expect(transactions.map((transaction) => transaction.events)).toEqual([
      500, 500, 500, 500, 500,
    ]);
  });

  it('lets others record between the tries of a close, while one recorder is stuck inside', async () => {
    await using test = await createDailyTenant();
    await using other = new AsyncDatabase(test.url);
    const recorder = new Recorder(test.db, test.config);
    const closer = new PeriodCloser(test.db, test.config);
    let isClosed = false;
    // The period's row is there: its first entry would keep the others waiting, close or not.
    await recorder.record(test.tenantId, [usage('first', '1', NOON)]);

    const release = await holdId(test, 'stuck');
    const stuck = recorder.record(test.tenantId, [usage('stuck', '5', NOON)]);
    await untilWaiting(test.db.work, 'countonce recording');
    const closing = closer.begin(test.tenantId, WHOLE_TENANT).then(() => (isClosed = true));
    await untilTryOf(test, 1);
    const passing = new Recorder(other.db, test.config);
    for (let n = 0; n < 3; n++) {
      const verdicts = await passing.record(test.tenantId, [usage(`passing ${n}`, '1', NOON)]);
      // Not late: the period is still open.
      expect(verdicts).toEqual([{ status: 'accepted' }]);
      expect(isClosed).toBe(false);
    }
    await release();

    await closing;
    expect(await stuck).toEqual([{ status: 'accepted' }]);
  });

  it('is waited for longer, try by try, so that transactions that begin together cannot starve a close', async () => {
    await using test = await createDailyTenant();
    const closer = new PeriodCloser(test.db, test.config);

    const release = await holdId(test, 'long');
    const recording = new Recorder(test.db, test.config).record(test.tenantId, [
      usage('long', '5', NOON),
    ]);
    await untilWaiting(test.db.work, 'countonce recording');
    const closing = closer.begin(test.tenantId, WHOLE_TENANT);
    await untilTryOf(test, 250);
    await untilTryOf(test, 1_000);
    await release();

    expect(await recording).toEqual([{ status: 'accepted' }]);
    expect(await closing).toMatchObject({ asOf: dayStart(1) });
  });
});

/** Connections of another process's kind, ended with the test. */
class AsyncDatabase implements AsyncDisposable {
  readonly db: Database;

  constructor(url: string) {
    this.db = new Database(url, 2);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.db.end();
  }
}
