import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { behindClosedGate } from '../../src/database/gate.js';
import { MICROS_PER_DAY, type Micros } from '../../src/domain/instant.js';
import { countDue, requestClose, type CloseScope } from '../../src/ledger/close-request.store.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';

const DAY_1 = Date.UTC(2026, 0, 1) * 1_000;
const day = (n: number): Micros => DAY_1 + n * MICROS_PER_DAY;
const ALL = { asOf: day(5), customerNo: 0, meterNo: 0, byClock: false };

let test: TestTenant;
beforeAll(async () => {
  test = await createTestTenant();
});
afterAll(() => test[Symbol.asyncDispose]());
beforeEach(async () => {
  const { db } = test;
  await db.work.query('DELETE FROM close_mark');
  await db.work.query(
    `UPDATE tenant SET closed_through = '1970-01-01', clock_closed_through = '1970-01-01'`,
  );
});

const request = (scope: Partial<CloseScope>, counts = { due: 7, alreadyClosed: 3 }) =>
  behindClosedGate(test.db.work, test.tenantId, (tx, gate) =>
    requestClose(tx, test.tenantId, { ...ALL, ...scope }, counts, gate),
  );

async function marks() {
  const { db, tenantId } = test;
  const [tenant] = await db.work.query<{ commands: Micros; clock: Micros }>(
    `SELECT closed_through AS commands, clock_closed_through AS clock FROM tenant
      WHERE tenant_id = $1`,
    [tenantId],
  );
  const some = await db.work.query(
    `SELECT customer_no AS customer, meter_no AS meter, closed_through AS through FROM close_mark
      ORDER BY 1, 2`,
  );
  return { ...tenant, some };
}

describe('how far periods are closed', () => {
  it('rises for all by a command of all, and for what the clock closes by the clock', async () => {
    await request({});
    expect(await marks()).toEqual({ commands: day(5), clock: 0, some: [] });
    await request({ byClock: true, asOf: day(6) });
    expect(await marks()).toEqual({ commands: day(5), clock: day(6), some: [] });
  });

  it('rises for a customer, a meter or one of both where only that is closed', async () => {
    await request({ customerNo: 4 });
    await request({ meterNo: 2 });
    await request({ customerNo: 4, meterNo: 2, asOf: day(6) });
    expect(await marks()).toEqual({
      commands: 0,
      clock: 0,
      some: [
        { customer: 0, meter: 2, through: day(5) },
        { customer: 4, meter: 0, through: day(5) },
        { customer: 4, meter: 2, through: day(6) },
      ],
    });
  });

  it('never falls', async () => {
    for (const scope of [{}, { byClock: true }, { customerNo: 4 }]) {
      await request({ ...scope, asOf: day(9) });
      await request({ ...scope, asOf: day(8) });
    }
    expect(await marks()).toEqual({
      commands: day(9),
      clock: day(9),
      some: [{ customer: 4, meter: 0, through: day(9) }],
    });
  });
});

describe('a close that is asked for', () => {
  it('is written down with what it is of and what there was to close', async () => {
    const id = await request({ customerNo: 4, meterNo: 2 });
    const [close] = await test.db.work.query<Record<string, unknown>>(
      `SELECT as_of, customer_no, meter_no, by_clock, due, already_closed, finished_at,
              closed_at BETWEEN now() - interval '1 minute' AND now() AS "isOfNow",
              c.gate_version = t.gate_version - 1 AS "isOfGate"
         FROM period_close c JOIN tenant t USING (tenant_id) WHERE period_close_id = $1`,
      [id],
    );
    expect(close).toEqual({
      as_of: day(5),
      customer_no: 4,
      meter_no: 2,
      by_clock: false,
      due: 7,
      already_closed: 3,
      finished_at: null,
      isOfNow: true,
      isOfGate: true,
    });
  });
});

describe('what a close is of', () => {
  beforeAll(async () => {
    const { db, tenantId } = test;
    await db.work.query(
      `WITH period (customer_no, meter_no, day, closed, backfilled, of_item) AS (VALUES
         (1, 1, 1, true, false, false), (1, 1, 2, false, false, false), (1, 1, 3, false, true, false),
         (1, 2, 2, false, false, true), (2, 1, 2, false, false, false), (2, 2, 9, false, false, false))
       INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end,
              backfilled, of_item)
       SELECT $1, customer_no, meter_no, timestamptz '2026-01-01Z' + day * interval '1 day',
              timestamptz '2026-01-02Z' + day * interval '1 day', backfilled, of_item
         FROM period`,
      [tenantId],
    );
    await db.work.query(
      `UPDATE billing_period SET closed_at = now(), period_close_id = gen_random_uuid(), value = 0,
              carried_in = 0, event_count = 0, digest = '\\x00'
        WHERE tenant_id = $1 AND period_end = '2026-01-03Z'`,
      [tenantId],
    );
  });

  it.each<[string, Partial<CloseScope>, number, number]>([
    ['all that has ended', {}, 4, 1],
    ['what has ended by the very instant', { asOf: day(3) }, 3, 1],
    ['nothing that ends a microsecond later', { asOf: day(3) - 1 }, 0, 1],
    ['a customer', { customerNo: 1 }, 3, 1],
    ['a meter', { meterNo: 1 }, 3, 1],
    ['a customer and a meter', { customerNo: 2, meterNo: 1 }, 1, 0],
    ['neither backfills nor what Stripe ends, by the clock', { byClock: true }, 2, 1],
  ])('is %s', async (_, scope, due, alreadyClosed) => {
    const counts = await countDue(test.db.work, test.tenantId, { ...ALL, ...scope });
    expect(counts).toEqual({ due, alreadyClosed });
  });

  it('is of one tenant', async () => {
    const other = '00000000-0000-4000-8000-000000000000';
    expect(await countDue(test.db.work, other, ALL)).toEqual({ due: 0, alreadyClosed: 0 });
  });
});
