import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TenantService } from '../../src/access/tenant.service.js';
import { countSelected, insertBulkVoid } from '../../src/corrections/bulk-void.store.js';
import { BulkVoider } from '../../src/corrections/bulk-voider.js';
import { selectionOf } from '../../src/corrections/event-selection.js';
import { voidEvents } from '../../src/corrections/void-events.js';
import { Database } from '../../src/database/database.js';
import { enterGate } from '../../src/database/gate.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { eventKey } from '../../src/domain/event-key.js';
import { Eraser } from '../../src/erasure/eraser.js';
import { ErasureService } from '../../src/erasure/erasure.service.js';
import { insertVoidRecords } from '../../src/ledger/void.store.js';
import { advanceReplay, claimReplay, LostLease } from '../../src/replay/replay.store.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { placesOfAll } from './database-texts.js';

let api: TestApp;
let tenantId: string;
let db: Database;
beforeEach(async () => {
  api = await startTestApp();
  tenantId = (await api.app.get(TenantService).byName('default'))!.tenantId;
  db = api.app.get(Database);
  for (const meter of ['calls', 'bytes']) {
    await api.call('PUT', `/v1/meters/${meter}`, { aggregation: 'sum', dimensions: ['region'] });
  }
  for (const customer of ['heron', 'robin']) {
    for (const meter of ['calls', 'bytes']) await record(customer, meter);
  }
});
afterEach(() => api[Symbol.asyncDispose]());

const record = (customer: string, meter: string) =>
  api.call('POST', '/v1/usage-events', {
    usage_event_id: `${customer} ${meter}`,
    customer_id: customer,
    meter,
    quantity: 3,
    occurred_at: '2026-10-30T10:05:00Z',
    properties: { region: `${customer}land` },
  });
const begin = () =>
  withinTenant(tenantId, () =>
    api.app.get(ErasureService).begin(tenantId, 'heron', { reason: 'a test' }),
  );
const voided = async () => {
  const { rows } = await api.pool.query(
    'SELECT meter FROM usage_void v JOIN usage_event e USING (tenant_id, event_key)',
  );
  return rows.map(({ meter }) => meter);
};

it('a void of many that was counted before keeps its selection, and the erasure waits for it', async () => {
  const filter = { meter: 'calls', from: '2026-10-01T00:00:00Z' };
  const selection = await selectionOf(db.work, tenantId, filter);
  const { found, at } = await countSelected(db.work, tenantId, selection);
  const erasure = await begin();
  const id = randomUUID();
  const job = { id, filter, selection, reason: 'not of heron', createdAt: at, found };
  await insertBulkVoid(db.work, tenantId, job);

  const eraser = api.app.get(Eraser);
  await eraser.finish(tenantId, erasure);
  const path = `/v1/erasures/${erasure}`;
  expect((await api.call('GET', path)).body.progress.phase).toBe('corrections');
  await api.app.get(BulkVoider).finish(tenantId, id);
  expect(await voided()).toEqual(['calls', 'calls']);

  await eraser.finish(tenantId, erasure);
  expect((await api.call('GET', path)).body.status).toBe('finished');
  const { rows } = await api.pool.query('SELECT selection, filter, reason FROM bulk_void');
  expect(rows).toEqual([{ selection, filter: {}, reason: '[erased]' }]);
});

it('a void of many that is asked for while an erasure begins is counted again', async () => {
  const holder = await api.pool.connect();
  try {
    // The count waits, and the erasure passes it.
    await holder.query('BEGIN; LOCK TABLE usage_void IN ACCESS EXCLUSIVE MODE');
    const asked = api.call('POST', '/v1/voids', {
      filter: { customer_id: 'heron' },
      reason: 'for heron',
    });
    await expect.poll(waiting, { timeout: 30_000 }).toBe(1);
    await begin();
    await holder.query('COMMIT');
    expect((await asked).body.code).toBe('customer_not_found');
    expect(await voided()).toEqual([]);
  } finally {
    holder.release();
  }
});

it('waits for a void that has read texts before, and erases what it copies', async () => {
  const id = await begin();
  const eraser = api.app.get(Eraser);
  const key = eventKey('', 'heron calls');
  let finished: Promise<void> | undefined;
  await withinTenant(tenantId, () =>
    db.recording.transaction(async (tx) => {
      const gate = await enterGate(tx, tenantId);
      const settings = { tenantId, graceSeconds: 3_600, alone: false };
      const effects = (await voidEvents(tx, gate, settings, [key])).get(key)!;
      finished = eraser.finish(tenantId, id);
      await expect.poll(waiting, { timeout: 30_000, interval: 5 }).toBe(1);
      await insertVoidRecords(tx, tenantId, [
        {
          eventKey: key,
          reason: 'for heron',
          voidedAt: gate.receivedAt,
          effects,
          replacementKey: null,
          replacementStatus: null,
          bulkVoidId: null,
        },
      ]);
    }),
  );
  await finished;
  expect((await api.call('GET', `/v1/erasures/${id}`)).body.status).toBe('finished');
  expect(await placesOfAll(api.pool, ['heronland', 'for heron'])).toEqual({});
});

it('waits for a replay that is at work, and one that died notes nothing any more', async () => {
  const { body } = await api.call('POST', '/v1/replays', { mode: 'verify' });
  const fence = (await claimReplay(db.work, tenantId, body.id))!;
  const id = await begin();
  const eraser = api.app.get(Eraser);
  await eraser.finish(tenantId, id);
  const path = `/v1/erasures/${id}`;
  expect((await api.call('GET', path)).body.progress.phase).toBe('replays');
  await api.pool.query(`UPDATE replay SET lease_until = now() - interval '1 second'`);
  await eraser.finish(tenantId, id);
  expect((await api.call('GET', path)).body.status).toBe('finished');
  const noted = db.work.transaction((tx) =>
    advanceReplay(tx, tenantId, body.id, fence, { phase: 'registry', position: null }),
  );
  await expect(noted).rejects.toThrow(LostLease);
});

async function waiting(): Promise<number> {
  const { rows } = await api.pool.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.length;
}
