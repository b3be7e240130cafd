import { describe, expect, it } from 'vitest';
import type { Queryable } from '../../src/database/connections.js';
import { Database } from '../../src/database/database.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { foldAll, foldDeltas } from '../../src/usage/fold.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from './daily-tenant.js';
import { SeededRandom } from './seeded-random.js';
import { pause } from './waiting.js';

const RUN_MS = 6_000;
const KILL_EVERY_MS = 60;
const DAYS = 5;
const ATTEMPTS_MAX = 50;

interface Books {
  readonly ledger: string;
  readonly totals: string;
  readonly entries: number;
  readonly counted: number;
}

/** The ledger and what stands for it, in one statement, and so in one snapshot. */
async function readBooks(db: Queryable, tenantId: string): Promise<Books> {
  const [books] = await db.query<Books>(
    `WITH ledger AS (
       SELECT count(*) AS n, coalesce(sum(quantity), 0) AS q FROM usage_entry WHERE tenant_id = $1),
     counted AS (
       SELECT sum(entry_count) AS n, sum(quantity_sum) AS q
         FROM (SELECT entry_count, quantity_sum FROM usage_total WHERE tenant_id = $1
               UNION ALL
               SELECT entry_count, quantity_sum FROM usage_delta WHERE tenant_id = $1) AS counts)
     SELECT ledger.n AS entries, trim_scale(ledger.q)::text AS ledger,
            coalesce(counted.n, 0)::bigint AS counted,
            trim_scale(coalesce(counted.q, 0))::text AS totals
       FROM ledger, counted`,
    [tenantId],
  );
  return books!;
}

function isBalanced({ ledger, totals, entries, counted }: Books): boolean {
  return ledger === totals && entries === counted;
}

/** Every total, from the ledger alone: what usage_total must hold once all is folded. */
const REBUILT = `
  SELECT customer_no, meter_no, period_start, origin_start, revision, billable,
         date_bin('15 min', occurred_at, '2000-01-01Z') AS bucket, dimensions,
         trim_scale(sum(quantity))::text AS sum, trim_scale(max(quantity))::text AS max,
         count(*) AS count,
         (array_agg(event_key ORDER BY occurred_at DESC, event_key DESC))[1] AS last_key,
         trunc(sum(entry_digest(event_key, 'tokens', period_start, quantity, false)))::text AS digest
    FROM usage_entry WHERE tenant_id = $1
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8`;
const FOLDED = `
  SELECT customer_no, meter_no, period_start, origin_start, revision, billable, bucket, dimensions,
         trim_scale(quantity_sum)::text AS sum, trim_scale(quantity_max)::text AS max,
         entry_count AS count, last_key, trunc(digest)::text AS digest
    FROM usage_total WHERE tenant_id = $1 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8`;

/** Records until told to stop, and sends again what broke: that is always right. */
async function keepRecording(
  recorder: Recorder,
  tenantId: string,
  name: string,
  random: SeededRandom,
  isOver: () => boolean,
): Promise<number> {
  let sent = 0;
  while (!isOver()) {
    const events = Array.from({ length: random.whole(1, 20) }, () =>
      usage(`${name} ${sent++}`, '1.5', random.whole(dayStart(0), dayStart(DAYS) - 1)),
    );
    for (let attempt = 1; ; attempt++) {
      try {
        await recorder.record(tenantId, events);
        break;
      } catch (error) {
        if (attempt === ATTEMPTS_MAX) throw error;
        await pause(attempt);
      }
    }
  }
  return sent;
}

async function keepFolding(db: Database, tenantId: string, isOver: () => boolean): Promise<number> {
  let folded = 0;
  while (!isOver()) {
    folded += await foldDeltas(db.work, tenantId).catch(() => 0);
    await pause(5);
  }
  return folded;
}

/** Ends a random backend of the workers in the middle of whatever it does. */
async function keepKilling(
  { db }: DailyTenant,
  random: SeededRandom,
  isOver: () => boolean,
): Promise<number> {
  let killed = 0;
  while (!isOver()) {
    const victims = await db.health.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name ~ '^countonce (recording|work)$'
          AND state <> 'idle' AND pid <> pg_backend_pid()`,
    );
    if (victims.length > 0) {
      await db.health.query('SELECT pg_terminate_backend($1)', [random.pick(victims).pid]);
      killed++;
    }
    await pause(KILL_EVERY_MS);
  }
  return killed;
}

describe('folding', () => {
  it('agrees with the ledger at every moment, through two folding workers and killed backends', async () => {
    await using test = await createDailyTenant();
    const random = new SeededRandom();
    const what = `RACE_SEED=${random.seed}`;
    const { tenantId } = test;
    const others = [new Database(test.url, 2), new Database(test.url, 2)];
    const reader = new Database(test.url, 1);
    const until = performance.now() + RUN_MS;
    const isOver = (): boolean => performance.now() > until;
    const unbalanced: Books[] = [];
    let reads = 0;

    try {
      const keepReading = async (): Promise<void> => {
        while (!isOver()) {
          // On the connections of the health routes, which nobody kills here.
          const books = await readBooks(reader.health, tenantId);
          if (!isBalanced(books)) unbalanced.push(books);
          reads++;
        }
      };
      const [, recorded, folded, killed] = await Promise.all([
        keepReading(),
        Promise.all(
          others.map((db, n) =>
            keepRecording(new Recorder(db, test.config), tenantId, `writer ${n}`, random, isOver),
          ),
        ),
        Promise.all(others.map((db) => keepFolding(db, tenantId, isOver))),
        keepKilling(test, random, isOver),
      ]);

      expect(unbalanced, what).toEqual([]);
      // All of it has happened: readings, folds and deaths.
      expect(Math.min(reads, killed, folded[0]! + folded[1]!), what).toBeGreaterThan(10);
      const sent = recorded.reduce((total, each) => total + each, 0);
      const books = await readBooks(reader.health, tenantId);
      expect(books, what).toMatchObject({ entries: sent, counted: sent });
      await foldAll(reader.work, tenantId);
      expect(await reader.work.query('SELECT FROM usage_delta'), what).toEqual([]);
      expect(await reader.work.query(FOLDED, [tenantId]), what).toEqual(
        await reader.work.query(REBUILT, [tenantId]),
      );
    } finally {
      await Promise.all([...others, reader].map((db) => db.end()));
    }
  });

  it('is told apart from a fold that deletes and inserts in two transactions', async () => {
    await using test = await createDailyTenant();
    const recorder = new Recorder(test.db, test.config);
    await recorder.record(test.tenantId, [usage('one', '7', dayStart(0))]);

    const deltas = await test.db.work.query<Record<string, unknown>>(
      'DELETE FROM usage_delta RETURNING row_to_json(usage_delta) AS row',
    );
    const between = await readBooks(test.db.work, test.tenantId);
    await test.db.work.query(
      'INSERT INTO usage_total SELECT * FROM json_populate_record(NULL::usage_total, $1)',
      [JSON.stringify(deltas[0]!['row'])],
    );

    expect(isBalanced(between)).toBe(false);
    expect(isBalanced(await readBooks(test.db.work, test.tenantId))).toBe(true);
  });

  it('is told apart from a fold that sums in one statement and deletes in the next', async () => {
    await using test = await createDailyTenant();
    const recorder = new Recorder(test.db, test.config);
    await recorder.record(test.tenantId, [usage('one', '7', dayStart(0))]);

    await test.db.work.transaction(async (tx) => {
      await tx.query('INSERT INTO usage_total SELECT * FROM usage_delta');
      // What is committed between the two statements is deleted without having been summed.
      await recorder.record(test.tenantId, [usage('two', '5', dayStart(0))]);
      await tx.query('DELETE FROM usage_delta');
    });

    const books = await readBooks(test.db.work, test.tenantId);
    expect(isBalanced(books)).toBe(false);
    expect(books).toMatchObject({ ledger: '12', totals: '7' });
  });
});
