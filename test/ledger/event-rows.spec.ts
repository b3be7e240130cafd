import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countSelected } from '../../src/corrections/bulk-void.store.js';
import { requireEventsInLedger } from '../../src/corrections/gone-usage.store.js';
import { Database } from '../../src/database/database.js';
import { eventKey } from '../../src/domain/event-key.js';
import { ownKeys } from '../../src/erasure/event-names.js';
import { readOriginals } from '../../src/ledger/registry.store.js';
import { voidTargets } from '../../src/ledger/void-target.store.js';
import { ledgerOf } from '../../src/usage/ledger.query.js';
import { entriesOf, usageEvents } from '../../src/usage/usage-event-query.js';
import { startTestApp, type TestApp } from '../support/app.js';

const EVENTS = 20_000;
const EVENTS_PER_BATCH = 1_000;
/** Of the few rows, and those that planning looks at; one whole index by receipt has over 150. */
const BLOCKS_MAX = 80;

let app: TestApp;
let tenantId: string;
let customerNo: number;
const key = eventKey('', 'event-2500');
const voided = eventKey('', 'event-1');

beforeAll(async () => {
  app = await startTestApp();
  await app.call('PUT', '/v1/meters/calls', { aggregation: 'count' });
  for (let from = 0; from < EVENTS; from += EVENTS_PER_BATCH) {
    const events = Array.from({ length: EVENTS_PER_BATCH }, (_, i) => ({
      usage_event_id: `event-${from + i}`,
      customer_id: `customer-${i % 50}`,
      meter: 'calls',
    }));
    const answer = await app.call('POST', '/v1/usage-events', { events });
    expect(answer.body.accepted).toBe(EVENTS_PER_BATCH);
  }
  const body = { usage_event_id: 'event-1', reason: 'test' };
  expect((await app.call('POST', '/v1/usage-events/void', body)).status).toBe(200);
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  // As if each had come alone: what comes together is found together.
  const apart = `received_at - ('x' || substr(event_key::text, 1, 6))::bit(24)::integer * interval '1 us'`;
  await app.pool.query(
    ['usage_event_key', 'usage_event', 'usage_entry']
      .map((book) => `UPDATE ${book} SET received_at = ${apart};`)
      .reduce((all, each) => all + each, 'SET session_replication_role = replica;') +
      'SET session_replication_role = DEFAULT',
  );
  const { rows } = await app.pool.query<{ customer_no: number }>(
    'SELECT customer_no::integer FROM usage_event WHERE event_key = $1',
    [key],
  );
  customerNo = rows[0]!.customer_no;
  await app.pool.query('VACUUM FULL ANALYZE');
});
afterAll(() => app[Symbol.asyncDispose]());

const SELECTION = {
  eventKeys: [key],
  source: null,
  customerNo: null,
  meterNo: 1,
  from: null,
  to: null,
  receivedFrom: null,
  receivedTo: null,
};

const LOOK_UPS: Readonly<Record<string, (db: Database) => Promise<unknown>>> = {
  'what a conflict differs in': async ({ work }) =>
    expect((await readOriginals(work, tenantId, [key])).size).toBe(1),
  'what a void takes out': async ({ work }) =>
    expect((await voidTargets(work, tenantId, [key])).size).toBe(1),
  'what an event counts': async ({ work }) =>
    expect((await entriesOf(work, tenantId, [key])).size).toBe(1),
  'its entries and their voids': async ({ work }) =>
    expect(await ledgerOf(work, tenantId, [voided])).toHaveLength(2),
  'an event by its id': async ({ work }) =>
    expect(await usageEvents(work, tenantId, { eventKey: key }, undefined, 2)).toHaveLength(1),
  'what a void of many takes': async ({ work }) =>
    expect(await countSelected(work, tenantId, SELECTION)).toMatchObject({ found: 1 }),
  'whether it has left the ledger': ({ work }) =>
    work.transaction((tx) => requireEventsInLedger(tx, tenantId, [key])),
  'whose it is': ({ work }) =>
    work.transaction(async (tx) =>
      expect(await ownKeys(tx, tenantId, customerNo, [key])).toEqual(new Set([key])),
    ),
};

async function counted(sum: string, view: string, tables: string): Promise<number> {
  const { rows } = await app.pool.query<{ n: number }>(
    `SELECT sum(${sum})::integer AS n FROM ${view} WHERE relname ~ $1`,
    [tables],
  );
  return rows[0]!.n;
}

const scans = () => counted('idx_scan', 'pg_stat_user_tables', '^usage_event_key_[0-9]');
const blocks = () =>
  counted(
    'heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)',
    'pg_statio_user_tables',
    '^usage_(event|entry)_[0-9]{4}_',
  );

describe('a look-up by event', () => {
  it.each(Object.keys(LOOK_UPS))('reads the rows of that event alone: %s', async (name) => {
    await app.pool.query('SELECT pg_stat_reset()');
    const db = new Database(app.databaseUrl, 1);
    await LOOK_UPS[name]!(db);
    // Sessions that end tell what they have read.
    await db.end();
    await expect.poll(scans, { timeout: 30_000 }).toBeGreaterThan(0);
    expect(await blocks()).toBeLessThan(BLOCKS_MAX);
  });
});
