import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fillLedger, type Filling } from '../../bench/rig/fill-ledger.js';
import { Recorded } from '../../bench/rig/recorded.js';
import { Database } from '../../src/database/database.js';
import { foldAll, tenantsWithDeltas } from '../../src/usage/fold.js';
import { startTestApp, type TestApp } from '../support/app.js';

const SIZE = { customers: 30, meters: 2 };
/** Usage of the last week, and of the month before this one, in turn. */
const FILLINGS: readonly Filling[] = [
  { ...SIZE, events: 400 },
  { ...SIZE, events: 120, inTurn: true, monthsAgo: 1 },
];
const TABLES = [
  'usage_event_key',
  'usage_event',
  'usage_entry',
  'usage_total',
  'billing_period',
  'customer_identity',
];

let filled: TestApp;
let recording: TestApp;

beforeAll(async () => {
  filled = await startTestApp();
  recording = await startTestApp();
  for (const app of [filled, recording]) {
    for (const meter of ['meter_1', 'meter_2']) {
      await app.call('PUT', `/v1/meters/${meter}`, { aggregation: 'sum' });
    }
  }
});
afterAll(async () => {
  await filled[Symbol.asyncDispose]();
  await recording[Symbol.asyncDispose]();
});

const fill = async (app: TestApp, filling: Filling, recorded = new Recorded()): Promise<void> =>
  fillLedger(app.pool, filling, recorded, () => undefined);

/** What is in it, without what differs from run to run. */
async function rowsOf({ pool }: TestApp, table: string): Promise<string[]> {
  const { rows } = await pool.query<{ row: string }>(
    `SELECT (to_jsonb(t) - 'tenant_id' - 'received_at')::text AS row FROM ${table} t ORDER BY 1`,
  );
  return rows.map(({ row }) => row);
}

/** The filled events, as a client would send them. */
async function eventsOf({ pool }: TestApp): Promise<unknown[]> {
  const { rows } = await pool.query(
    `SELECT usage_event_id, customer_id, meter, trim_scale(quantity)::text AS quantity,
            to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS occurred_at
       FROM usage_event`,
  );
  return rows;
}

describe('a ledger that was filled', () => {
  it('has the rows that recording and folding write', async () => {
    const recorded = new Recorded();
    for (const filling of FILLINGS) await fill(filled, filling, recorded);
    await recorded.hold(filled);
    const events = await eventsOf(filled);
    expect(events).toHaveLength(520);

    // The customers alone, so that they have the same numbers.
    await fill(recording, { ...SIZE, events: 0 });
    const { body } = await recording.call('POST', '/v1/usage-events', { events });
    expect(body).toMatchObject({ accepted: 520 });
    const db = new Database(recording.databaseUrl, 1);
    for (const tenantId of await tenantsWithDeltas(db.work)) await foldAll(db.work, tenantId);
    await db.end();

    for (const table of TABLES) {
      expect(await rowsOf(filled, table), table).toEqual(await rowsOf(recording, table));
    }
  });

  it('knows its events, so that copies count nothing', async () => {
    const events = await eventsOf(filled);
    const { body } = await filled.call('POST', '/v1/usage-events', { events });
    expect(body).toMatchObject({ accepted: 0, duplicate: 520, conflict: 0 });
  });

  it('is told from one that counts wrong', async () => {
    const recorded = new Recorded();
    recorded.add({ events: 520, quantity: 1 });
    await expect(recorded.hold(filled)).rejects.toThrow('counted wrong');
  });
});
