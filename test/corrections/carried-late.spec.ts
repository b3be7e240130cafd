import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultAnchor, timelineOf } from '../../src/customers/schedule-timeline.js';
import { Database } from '../../src/database/database.js';
import { behindClosedGate } from '../../src/database/gate.js';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { closeById } from '../../src/periods/close-progress.store.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { reshapePeriods } from '../../src/usage/reshape-periods.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
let db: Database;
let tenantId: string;
beforeAll(async () => {
  app = await startTestApp();
  db = new Database(app.databaseUrl, 2);
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  await app.call('POST', '/v1/test-clock', { now: '2026-03-10T12:00:00Z' });
  await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
});
afterAll(async () => {
  await db.end();
  await app[Symbol.asyncDispose]();
});

const never = (): boolean => false;
const closer = (): PeriodCloser => app.app.get(PeriodCloser);
const sealer = (): AmendmentSealer => app.app.get(AmendmentSealer);

let ids = 0;
/** On a day of 2026, written `01-10`. */
async function use(customer: string, day: string, quantity: number): Promise<string> {
  const id = `e-${++ids}`;
  const sent = await app.call('POST', '/v1/usage-events', {
    usage_event_id: id,
    customer_id: customer,
    meter: 'level',
    quantity,
    occurred_at: `2026-${day}T12:00:00Z`,
  });
  expect(sent.status).toBe(201);
  return id;
}

const take = (id: string) =>
  app.call('POST', '/v1/usage-events/void', { usage_event_id: id, reason: 'a mistake' });

async function numberOf(customer: string): Promise<number> {
  const sql = 'SELECT customer_no FROM customer WHERE customer_id = $1';
  return Number((await app.pool.query(sql, [customer])).rows[0].customer_no);
}

/** Raises the mark, and writes no statement yet. */
async function begin(customer: string, month: string) {
  const customerNo = await numberOf(customer);
  const asOf = Date.parse(`2026-${month}-01T00:00:00Z`) * 1_000;
  return closer().begin(tenantId, { asOf, customerNo, meterNo: 0, byClock: false });
}

async function close(customer: string, month: string): Promise<void> {
  await closer().finish(tenantId, await begin(customer, month));
}

/** Makes what is due due now, and seals it. */
async function seal(): Promise<void> {
  await app.pool.query('UPDATE amendment_due SET due_at = now()');
  await sealer()['seal'](tenantId);
}

/** Until a statement of the application waits for a lock. */
async function waiting(): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  await expect
    .poll(async () => (await app.pool.query(sql)).rowCount, { timeout: 60_000 })
    .toBeGreaterThan(0);
}

async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const { rowCount } = await app.pool.query('UPDATE amendment_due SET due_at = now()');
    const { rows } = await app.pool.query('SELECT FROM period_close WHERE finished_at IS NULL');
    if (rowCount === 0 && rows.length === 0) return;
    await sealer().run(tenantId, never);
    await closer().resume(tenantId, never);
  }
  throw new Error('amendments go on and on');
}

/** By month: what the period has come to. */
async function amended(customer: string): Promise<Record<string, string>> {
  const path = `/v1/customers/${customer}/billing-periods?meter=level`;
  const { data } = (await app.call('GET', path)).body;
  return Object.fromEntries(
    data.map((each: any) => [each.period_start.slice(5, 7), each.amended_value]),
  );
}

it('has what an older close, written later than a newer one, carries into the period after it', async () => {
  await use('overtaken', '02-10', 4);
  const march = await use('overtaken', '03-09', 9);
  const older = await begin('overtaken', '03');
  await app.call('POST', '/v1/test-clock', { now: '2026-05-10T12:00:00Z' });
  // The own clock passes over backfills, so it need not wait for them.
  await closer().closeByClock(tenantId, never);
  expect(await closeById(db.work, tenantId, older.id)).toMatchObject({ finishedAt: null });
  await settle();
  expect(await amended('overtaken')).toEqual({ '02': '4', '03': '9', '04': '9', '05': '9' });
  await take(march);
  await settle();
  expect(await amended('overtaken')).toEqual({ '02': '4', '03': '4', '04': '4', '05': '4' });
});

it('has what an amendment opens before it while both are closed as one', async () => {
  const april = await use('between', '04-10', 9);
  await close('between', '02');
  await use('between', '01-20', 4);
  await seal();
  await closer().resume(tenantId, never);
  await seal();
  const both = await begin('between', '05');
  await db.work.transaction((tx) => closer()['closeSet'](tx, tenantId, both, undefined));
  await sealer()['write'](tenantId);
  await settle();
  expect(await amended('between')).toMatchObject({ '01': '4', '02': '4', '03': '4', '04': '9' });
  await take(april);
  await settle();
  expect(await amended('between')).toMatchObject({ '01': '4', '02': '4', '03': '4', '04': '4' });
});

it('keeps what an amendment carries into an open period that is being brought into another shape', async () => {
  await use('reshaped', '04-10', 10);
  await close('reshaped', '05');
  await use('reshaped', '04-20', 7);
  await seal();
  const meter = await app.pool.query(`SELECT meter_no FROM meter WHERE key = 'level'`);
  const key = { customerNo: await numberOf('reshaped'), meterNo: Number(meter.rows[0].meter_no) };
  const weeks = timelineOf([
    {
      effectiveFrom: 0,
      interval: 'week',
      intervalCount: 1,
      anchor: defaultAnchor('UTC'),
      timezone: 'UTC',
    },
  ]);
  const source = { schedule: weeks, segments: [], items: [] };
  const holder = await app.pool.connect();
  await holder.query('BEGIN');
  // As a fold does: the change has read the open periods, and waits for it.
  await holder.query('SELECT pg_advisory_xact_lock(1131376462, tenant_no) FROM tenant');
  const reshaped = behindClosedGate(db.work, tenantId, (tx, gate) =>
    reshapePeriods(tx, tenantId, key, source, gate, 0),
  );
  await waiting();
  await sealer()['write'](tenantId);
  await holder.query('COMMIT');
  holder.release();
  expect(await reshaped).toBe(true);
  await settle();
  expect(await amended('reshaped')).toEqual({ '04': '7', '05': '7' });
});

it('is looked at customer by customer, as others come to what is due', async () => {
  await use('first', '02-10', 10);
  await use('second', '01-10', 10);
  await close('first', '05');
  await close('second', '05');
  await use('first', '02-20', 7);
  await use('second', '01-20', 7);
  await seal();
  const due = (customer: number, month: string): [string, unknown[]] => [
    `INSERT INTO amendment_due (tenant_id, customer_no, meter_no, period_start, due_at)
     SELECT tenant_id, customer_no, meter_no, period_start, now() FROM billing_period
      WHERE tenant_id = $1 AND customer_no = $2 AND period_start = $3::timestamptz`,
    [tenantId, customer, `2026-${month}-01T00:00:00Z`],
  ];
  const recorder = await app.pool.connect();
  await recorder.query('BEGIN');
  await recorder.query(...due(await numberOf('first'), '03'));
  const written = sealer()['write'](tenantId);
  await waiting();
  await recorder.query(`SET LOCAL lock_timeout = '100ms'`);
  await recorder.query(...due(await numberOf('second'), '02'));
  await recorder.query('COMMIT');
  recorder.release();
  expect(await written).toBe(2);
  await settle();
  expect(await amended('second')).toMatchObject({ '01': '7', '02': '7', '04': '7' });
});
