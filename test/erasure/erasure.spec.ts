import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/access/audit/audit-verification.js';
import { verifyEvidence } from '../../src/commands/verification/verification.js';
import { exported, wrongOf } from '../evidence/evidence-scene.js';
import { call } from '../support/app.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { placesOfAll, rowsOfTenant } from './database-texts.js';
import {
  CUSTOMER,
  eventOf,
  OCTOBER,
  openErasureScene,
  WORD,
  type ErasureScene,
} from './erasure-scene.js';

/** What stays of a customer, whatever it is called by. */
const NUMBERS = {
  keys: 'SELECT * FROM usage_event_key ORDER BY tenant_id, event_key',
  events: `SELECT event_key, customer_no, meter, quantity, occurred_at, received_at
             FROM usage_event ORDER BY tenant_id, event_key`,
  entries: `SELECT to_jsonb(e) - 'dimensions' AS entry FROM usage_entry e
             ORDER BY tenant_id, event_key, meter_no, is_void, entry_no`,
  periods: 'SELECT * FROM billing_period ORDER BY customer_no, meter_no, period_start',
  amendments: 'SELECT * FROM period_amendment ORDER BY customer_no, meter_no, period_start',
  pushes: `SELECT identifier, lane_id, sequence, value, "timestamp", status, attempts FROM push
            ORDER BY identifier`,
  totals: `SELECT customer_no, meter_no, period_start, revision, bucket, sum(quantity_sum) AS sum,
                  max(quantity_max) AS max, sum(entry_count) AS count, sum(digest) AS digest
             FROM (SELECT * FROM usage_total UNION ALL SELECT * FROM usage_delta) t
            GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`,
  // The erasure's own entry is the last.
  chain: 'SELECT sequence, action, at, hash FROM audit_entry ORDER BY tenant_id, sequence',
};

let test: ErasureScene;
let before: Awaited<ReturnType<typeof look>>;
let pseudonym: string;

async function look() {
  const { scene, otherTenantId } = test;
  const numbers: Record<string, any[]> = {};
  for (const [name, sql] of Object.entries(NUMBERS)) {
    numbers[name] = (await scene.app.pool.query(sql)).rows;
  }
  return {
    numbers,
    otherTenant: await rowsOfTenant(scene.app.pool, otherTenantId),
    robin: await ofCustomer('robin-77'),
  };
}

async function ofCustomer(id: string) {
  const get = async (path: string) => (await test.scene.app.call('GET', path)).body;
  return {
    customer: await get(`/v1/customers/${id}`),
    statement: await get(`/v1/customers/${id}/billing-periods/${OCTOBER}?meter=tokens`),
    usage: await get(
      `/v1/usage?meter=tokens&customer_id=${id}&from=2026-10-01T00:00:00Z&to=2026-12-01T00:00:00Z&window=day&group_by=region`,
    ),
    events: await get(`/v1/usage-events?customer_id=${id}`),
    pushes: await get(`/v1/pushes?customer_id=${id}`),
    audit: await get(`/v1/audit-entries?subject=customer:${id}`),
    quarantine: await get(`/v1/quarantine?customer_id=${id}`),
  };
}

beforeAll(async () => {
  test = await openErasureScene();
}, 120_000);
afterAll(() => test[Symbol.asyncDispose]());

describe('an erasure', () => {
  it('has texts to erase all over the database', async () => {
    const found = await placesOfAll(test.scene.app.pool, test.texts);
    expect(Object.keys(found).toSorted()).toEqual(test.texts.toSorted());
    const tables = new Set(Object.values(found).flatMap((places) => places.map(tableOf)));
    expect([...tables].toSorted()).toEqual([
      'approval',
      'audit_entry',
      'bulk_void',
      'command_answer',
      'customer',
      'customer_identity',
      'invoice_period',
      'item_period',
      'push',
      'push_lane',
      'push_transition',
      'quarantined_event',
      'replay_change',
      'replay_difference',
      'stripe_event',
      'stripe_invoice',
      'subscription_item',
      'subscription_reading',
      'usage_delta',
      'usage_entry',
      'usage_event',
      'usage_total',
      'usage_unique',
      'usage_void',
    ]);
    before = await look();
    expect(before.robin.events.data).toHaveLength(7);
  });

  it('answers what the customer goes by from then on, and none of its texts', async () => {
    const answer = await test.erase(`for Gray Heron GmbH (${CUSTOMER})`, {
      'idempotency-key': `erase-1`,
    });
    expect(answer).toMatchObject({ status: 200, body: { status: 'finished' } });
    expect(answer.body.reason).toBe('for [erased] ([erased])');
    pseudonym = answer.body.customer_id;
    const again = await test.erase(`for Gray Heron GmbH (${CUSTOMER})`, {
      'idempotency-key': `erase-1`,
    });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual(answer.body);
    expect((await test.scene.app.call('GET', `/v1/erasures/${answer.body.id}`)).body).toEqual(
      answer.body,
    );
    expect((await test.erase()).body).toMatchObject({ code: 'customer_not_found' });
  });

  it('leaves none of the texts anywhere of its tenant', async () => {
    const { scene, otherTenantId } = test;
    expect(await placesOfAll(scene.app.pool, [...test.texts, WORD], otherTenantId)).toEqual({});
  });

  it('leaves every number, digest and identifier', async () => {
    const { numbers, otherTenant } = await look();
    const { chain, ...others } = numbers;
    const { chain: chainBefore, ...othersBefore } = before.numbers;
    expect(others).toEqual(othersBefore);
    expect(chain!.filter(({ action }) => action !== 'customer.erased')).toEqual(chainBefore);
    expect(otherTenant).toEqual(before.otherTenant);
  });

  it('leaves other customers as they were', async () => {
    expect(await ofCustomer('robin-77')).toEqual(before.robin);
  });

  it('leaves statements that are found by what the customer goes by', async () => {
    const { statement, usage, events } = await ofCustomer(pseudonym);
    const robin = before.robin;
    expect(statement).toEqual({
      ...robin.statement,
      customer_id: pseudonym,
      closed_at: statement.closed_at,
      digest: statement.digest,
    });
    expect(usage.data.map(({ value }: any) => value)).toEqual(
      robin.usage.data.map(({ value }: any) => value),
    );
    expect(usage.data[0].group.region).toMatch(/^erased_/);
    expect(events.data).toHaveLength(7);
    expect(events.data[0]).toMatchObject({
      usage_event_id: null,
      source: null,
      customer_id: null,
      properties: null,
      quantity: robin.events.data[0].quantity,
      meters: robin.events.data[0].meters.map(({ meter, value }: any) => ({ meter, value })),
    });
  });

  it('leaves totals that a replay finds right, and an audit that holds', async () => {
    expect(await test.verify()).toMatchObject({ difference_count: 0, differences: [] });
    const report = await verifyChain(test.db.work, test.scene.tenantId);
    expect(report).toMatchObject({ faults: 0, findings: [] });
    expect(report.erased).toBeGreaterThan(5);
  });

  it('leaves evidence that verifies, without a text', async () => {
    const folder = temporaryFolder();
    try {
      const file = join(folder, 'erased.ndjson');
      const lines = await exported(test.scene.app.databaseUrl, file, { customer: pseudonym });
      expect(lines.filter(({ type }) => type === 'entry').length).toBeGreaterThan(20);
      expect(JSON.stringify(lines)).not.toContain(WORD);
      expect(wrongOf(await verifyEvidence(file))).toEqual([]);
    } finally {
      removeFolder(folder);
    }
  });

  it('leaves ids taken: a copy is one, another content is none, and neither tells what it was', async () => {
    const copy = await test.send(eventOf(WORD, 1));
    expect(copy).toMatchObject({ status: 200, body: { status: 'duplicate' } });
    const changed = await test.send(eventOf(WORD, 1, { quantity: 99 }));
    expect(changed).toMatchObject({
      status: 409,
      body: { code: 'usage_event_conflict', fields: null },
    });
    const id = encodeURIComponent(`event-${WORD}-1`);
    const one = await test.scene.app.call(
      'GET',
      `/v1/usage-events?usage_event_id=${id}&source=source-${WORD}`,
    );
    expect(one.text).not.toContain(WORD);
    expect((await test.scene.app.call('GET', `/v1/customers/${CUSTOMER}`)).status).toBe(404);
  });

  it('gives the id free: what comes under it is another customer', async () => {
    const answer = await test.send(eventOf(WORD, 30, { occurred_at: '2026-11-01T00:20:00Z' }));
    expect(answer.status).toBe(201);
    const { body } = await test.scene.app.call('GET', `/v1/usage-events?customer_id=${CUSTOMER}`);
    expect(body.data).toHaveLength(1);
    const { events } = await ofCustomer(pseudonym);
    expect(events.data).toHaveLength(7);
    const foreign = await call(
      test.scene.app.url,
      test.otherKey,
      'POST',
      `/v1/customers/${pseudonym}/erasures`,
      { reason: 'not ours' },
    );
    expect(foreign.body.code).toBe('customer_not_found');
  });
});

function tableOf(place: string): string {
  return place.split('.')[0]!;
}
