import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { enterGate } from '../../src/database/gate.js';
import { SERVICE_ROLE } from '../../src/database/roles.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { KeyedCommands } from '../../src/idempotency/keyed-commands.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from '../races/daily-tenant.js';

const RECORDERS = 4;

let test: DailyTenant;
/** As many processes, as the service works. */
let processes: Database[];
beforeAll(async () => {
  test = await createDailyTenant();
  processes = Array.from({ length: RECORDERS }, () => new Database(test.url, 2, SERVICE_ROLE));
});
afterAll(async () => {
  await Promise.all(processes.map((db) => db.end()));
  await test[Symbol.asyncDispose]();
});

/** Months that nobody has made, as where no worker ran for long. */
beforeEach(async () => {
  await test.db.work.query(`DO $$ DECLARE month text; BEGIN
    FOR month IN SELECT inhrelid::regclass::text FROM pg_inherits
                  WHERE inhparent IN ('usage_event'::regclass, 'usage_entry'::regclass) LOOP
      EXECUTE 'DROP TABLE ' || month;
    END LOOP;
  END $$`);
});

async function booksOf(ids: readonly string[]): Promise<object> {
  const [books] = await test.db.work.query<object>(
    `SELECT (SELECT count(*) FROM usage_event_key WHERE event_key IN (TABLE own)) AS keys,
            (SELECT count(*) FROM usage_event WHERE event_key IN (TABLE own)) AS events,
            (SELECT count(*) FROM usage_entry WHERE event_key IN (TABLE own)) AS entries`.replaceAll(
      '(TABLE own)',
      '(SELECT event_key FROM usage_event WHERE usage_event_id = ANY ($1))',
    ),
    [ids],
  );
  return books!;
}

it('many who send the same events, and find no month, record each once', async () => {
  const ids = Array.from({ length: 50 }, () => randomUUID());
  const verdicts = await Promise.all(
    processes.flatMap((db) => {
      const recorder = new Recorder(db, test.config);
      const events = ids.map((id) => usage(id, '1', dayStart(0)));
      return [
        recorder.record(test.tenantId, events),
        recorder.record(test.tenantId, events.toReversed()),
      ];
    }),
  );
  const accepted = verdicts.flat().filter(({ status }) => status === 'accepted');
  expect(accepted).toHaveLength(ids.length);
  expect(verdicts.flat().filter(({ status }) => status === 'duplicate')).toHaveLength(
    (2 * RECORDERS - 1) * ids.length,
  );
  expect(await booksOf(ids)).toEqual({ keys: 50, events: 50, entries: 50 });
});

it('a command under a key that finds no month is done once, and only from there again', async () => {
  const [db] = processes;
  const id = randomUUID();
  let runs = 0;
  const recorder = new Recorder(db!, test.config);
  const outcome = await withinTenant(test.tenantId, () =>
    new KeyedCommands(db!).run<string>(
      { tenantId: test.tenantId, route: 'POST /x', key: id, hash: Buffer.alloc(32) },
      {
        async handle() {
          runs++;
          await db!.work.query(
            `INSERT INTO close_mark (tenant_id, customer_no, meter_no, closed_through)
             VALUES ($1, 99, 99, 'epoch')`,
            [test.tenantId],
          );
          return db!.work.transaction(async (tx) => {
            await enterGate(tx, test.tenantId);
            const event = usage(id, '1', dayStart(0));
            return (await recorder.recordWithin(tx, test.tenantId, event)).status;
          });
        },
        answerOf: (body) => ({ status: 200, headers: {}, body }),
        refusalOf: () => undefined,
      },
    ),
  );
  expect(outcome).toEqual({ result: 'accepted' });
  expect(runs).toBe(1);
  expect(await booksOf([id])).toEqual({ keys: 1, events: 1, entries: 1 });
});
