import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Recorder } from '../../src/ledger/recorder.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { readStatement, type FrozenStatement } from './close-checker.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from './daily-tenant.js';

/** What PostgreSQL calls restrict_violation; the triggers raise it. */
const REFUSED = { code: '23001' };

let test: DailyTenant;
let frozen: FrozenStatement | undefined;

beforeAll(async () => {
  test = await createDailyTenant();
  const recorder = new Recorder(test.db, test.config);
  const closer = new PeriodCloser(test.db, test.config);
  await recorder.record(test.tenantId, [
    usage('closed', '7', dayStart(0)),
    usage('open', '1', dayStart(1)),
  ]);
  const scope = { asOf: dayStart(1), customerNo: 0, meterNo: 0, byClock: false };
  await closer.finish(test.tenantId, await closer.begin(test.tenantId, scope));
  frozen = await readStatement(test.db.work, test.subject, dayStart(0));
});

afterAll(() => test[Symbol.asyncDispose]());

describe.each(['usage_event_key', 'usage_event', 'usage_entry'])('%s', (table) => {
  it.each([
    ['UPDATE', `UPDATE ${table} SET received_at = received_at`],
    ['DELETE', `DELETE FROM ${table}`],
    ['TRUNCATE', `TRUNCATE ${table}`],
    ['a DELETE that finds nothing', `DELETE FROM ${table} WHERE false`],
    [
      'a MERGE that would update',
      `MERGE INTO ${table} t USING ${table} s
          ON t.tenant_id = s.tenant_id AND t.event_key = s.event_key
        WHEN MATCHED THEN UPDATE SET received_at = s.received_at`,
    ],
  ])('refuses %s, even of its owner', async (_, sql) => {
    const before = await test.db.work.query(`SELECT * FROM ${table} ORDER BY event_key`);

    await expect(test.db.work.query(sql)).rejects.toMatchObject(REFUSED);

    expect(await test.db.work.query(`SELECT * FROM ${table} ORDER BY event_key`)).toEqual(before);
    expect(before).toHaveLength(2);
  });
});

describe('the statement of a closed period', () => {
  it.each([
    ['another value', `UPDATE billing_period SET value = value + 1 WHERE closed_at IS NOT NULL`],
    [
      'being opened again',
      `UPDATE billing_period SET closed_at = NULL, period_close_id = NULL, value = NULL,
              carried_in = NULL, event_count = NULL, digest = NULL
        WHERE closed_at IS NOT NULL`,
    ],
    ['another end', `UPDATE billing_period SET period_end = period_end + interval '1 day'`],
    ['deletion', `DELETE FROM billing_period WHERE closed_at IS NOT NULL`],
    ['truncation', `TRUNCATE billing_period`],
    [
      'an upsert',
      `INSERT INTO billing_period SELECT * FROM billing_period WHERE closed_at IS NOT NULL
           ON CONFLICT ON CONSTRAINT billing_period_pkey DO UPDATE SET value = 0`,
    ],
  ])('refuses %s', async (_, sql) => {
    await expect(test.db.work.query(sql)).rejects.toMatchObject(REFUSED);

    expect(await readStatement(test.db.work, test.subject, dayStart(0))).toEqual(frozen);
    expect(frozen).toMatchObject({ value: '7.000000000000', eventCount: 1 });
  });

  it('stays as it is when the same close is asked for again', async () => {
    const closer = new PeriodCloser(test.db, test.config);
    const scope = { asOf: dayStart(1), customerNo: 0, meterNo: 0, byClock: false };

    const again = await closer.begin(test.tenantId, scope);
    await closer.finish(test.tenantId, again);

    expect(again).toMatchObject({ due: 0, alreadyClosed: 1 });
    expect(await readStatement(test.db.work, test.subject, dayStart(0))).toEqual(frozen);
  });

  it('cannot be half a statement', async () => {
    const half = test.db.work.query(
      `UPDATE billing_period SET closed_at = now(), period_close_id = $1 WHERE closed_at IS NULL`,
      [randomUUID()],
    );

    await expect(half).rejects.toMatchObject({ constraint: 'billing_period_statement_check' });
  });
});
