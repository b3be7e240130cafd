import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { behindClosedGate } from '../../src/database/gate.js';
import { carryOver } from '../../src/periods/carry-over.js';
import { startTestApp, type TestApp } from '../support/app.js';

const HOUR_S = 3_600;

let app: TestApp;
let db: Database;
let tenantId: string;
beforeAll(async () => {
  app = await startTestApp();
  db = new Database(app.databaseUrl, 2);
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  await app.call('POST', '/v1/test-clock', { now: '2026-03-01T00:30:00Z' });
  await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
});
afterAll(async () => {
  await db.end();
  await app[Symbol.asyncDispose]();
});

/** Whether what opens after a month of 2026, at half past midnight on 1 March, counts as an import. */
async function isBackfilled(
  customer: string,
  after: string,
  options: { backfilled?: boolean; clockClosed?: string; graceSeconds?: number } = {},
): Promise<boolean> {
  const { backfilled = true, clockClosed = '1970-01-01', graceSeconds = HOUR_S } = options;
  await app.call('PUT', `/v1/customers/${customer}`, {});
  await app.pool.query('UPDATE tenant SET clock_closed_through = $1', [`${clockClosed}T00:00:00Z`]);
  const { rows } = await app.pool.query('SELECT customer_no FROM customer WHERE customer_id = $1', [
    customer,
  ]);
  const customerNo = Number(rows[0].customer_no);
  const periodEnd = Date.parse(`2026-${after}-01T00:00:00Z`) * 1_000;
  const carrying = { customerNo, meterNo: 1, periodEnd, backfilled, value: '7', holds: true };
  await behindClosedGate(db.work, tenantId, (tx) =>
    carryOver(tx, tenantId, [carrying], { graceSeconds, closing: null }),
  );
  const opened = await app.pool.query(
    `SELECT backfilled, carried_last = 7 AS "isCarried", period_start = $2 AS "isNext"
       FROM billing_period WHERE customer_no = $1`,
    [customerNo, new Date(periodEnd / 1_000)],
  );
  expect(opened.rows).toMatchObject([{ isCarried: true, isNext: true }]);
  return opened.rows[0].backfilled;
}

it('a period that follows an import waits for a command with it where the clock has passed it', async () => {
  expect(await isBackfilled('january', '01')).toBe(true);
});

it('one that follows what the clock closes does not', async () => {
  expect(await isBackfilled('clock', '01', { backfilled: false })).toBe(false);
});

it('one that the clock has still to close is closed by it, whatever it follows', async () => {
  expect(await isBackfilled('february', '02')).toBe(false);
  expect(await isBackfilled('march', '03')).toBe(false);
});

it('one that ended longer ago than the grace is past, and so is one that the clock has just closed', async () => {
  expect(await isBackfilled('grace', '02', { graceSeconds: HOUR_S / 4 })).toBe(true);
  expect(await isBackfilled('closed', '02', { clockClosed: '2026-03-01' })).toBe(true);
});
