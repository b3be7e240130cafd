import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { formatInstantMicros } from '../../src/domain/instant.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { checkClose, readStatement } from './close-checker.js';
import { IS_CLOSED, KEEPING, LOSING, RECORD, type CloseProtocol } from './close-protocol.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from './daily-tenant.js';
import { holdId, holdMark, session } from './held-transaction.js';
import { untilWaiting } from './waiting.js';

const START = dayStart(0);
const NOON = START + (dayStart(1) - START) / 2;

/** The gate's lock as src/database/gate.ts takes it. */
const ENTER_REAL_GATE =
  'SELECT pg_advisory_xact_lock_shared(1131376461, tenant_no) FROM tenant WHERE tenant_id = $1';

function periodOf({ subject }: DailyTenant): unknown[] {
  return [subject.tenantId, subject.customerNo, subject.meterNo, formatInstantMicros(START)];
}

function forPeriod(sql: string, parameters: unknown[]): unknown[] {
  return sql.includes('$4') ? parameters : parameters.slice(0, sql.includes('$1') ? 1 : 0);
}

/** What a recorder does that trusts the protocol: enter, look, record. The caller commits. */
async function recordBy(
  client: pg.Client,
  protocol: Pick<CloseProtocol, 'enter'>,
  parameters: unknown[],
  quantity: number,
): Promise<void> {
  await client.query('BEGIN');
  if (protocol.enter !== undefined) {
    await client.query(protocol.enter, forPeriod(protocol.enter, parameters));
  }
  const { rows } = await client.query<{ closed: boolean }>(IS_CLOSED, parameters);
  await client.query(RECORD, [...parameters, quantity, rows[0]!.closed]);
}

async function closeBy(
  client: pg.Client,
  protocol: CloseProtocol,
  parameters: unknown[],
): Promise<void> {
  await client.query(protocol.begin ?? 'BEGIN');
  for (const sql of protocol.close) await client.query(sql, forPeriod(sql, parameters));
  await client.query('COMMIT');
}

/** 10 units are recorded; 5 more are not committed yet when the closer comes. */
async function raceBy(test: DailyTenant, protocol: CloseProtocol): Promise<string[]> {
  const recorder = await session(test);
  const closer = await session(test);
  const period = periodOf(test);
  await recorder.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled)
     VALUES ($1, $2, $3, $4, $4::timestamptz + interval '1 day', false)`,
    period,
  );
  await recordBy(recorder, {}, period, 10);
  await recorder.query('COMMIT');

  await recordBy(recorder, protocol, period, 5);
  const closing = closeBy(closer, protocol, period);
  await Promise.race([closing, untilWaiting(test.db.work, closer.processID)]);
  await recorder.query('COMMIT');
  await closing;
  return checkClose(test.db.work, test.subject, START);
}

const WHOLE_TENANT = { asOf: dayStart(1), customerNo: 0, meterNo: 0, byClock: false };

describe('while a recorder has not committed yet', () => {
  it.each(LOSING)('the checker catches a close by $name', async (protocol) => {
    await using test = await createDailyTenant();

    const findings = await raceBy(test, protocol);

    expect(findings).toContain(
      'statement and late usage: told 10000000000000, the ledger says 15000000000000',
    );
    expect(findings).toContain('event count: told 1, the ledger says 2');
  });

  it.each(KEEPING)('the checker passes a close by $name', async (protocol) => {
    await using test = await createDailyTenant();

    expect(await raceBy(test, protocol)).toEqual([]);
  });

  it('our close waits for it and has it in the statement', async () => {
    await using test = await createDailyTenant();
    const recorder = new Recorder(test.db, test.config);
    const closer = new PeriodCloser(test.db, test.config);
    await recorder.record(test.tenantId, [usage('ten', '10', NOON)]);

    const release = await holdId(test, 'five');
    const recording = recorder.record(test.tenantId, [usage('five', '5', NOON)]);
    await untilWaiting(test.db.work, 'countonce recording');
    const beginning = closer.begin(test.tenantId, WHOLE_TENANT);
    await untilWaiting(test.db.work, 'countonce work');
    await release();

    expect(await recording).toEqual([{ status: 'accepted' }]);
    await closer.finish(test.tenantId, await beginning);
    expect(await checkClose(test.db.work, test.subject, START)).toEqual([]);
    expect(await readStatement(test.db.work, test.subject, START)).toMatchObject({
      value: '15.000000000000',
      eventCount: 2,
    });
  });
});

describe('while a recorder that has looked at the period waits at the gate', () => {
  it('the checker catches one that does not look again', async () => {
    await using test = await createDailyTenant();
    const closer = new PeriodCloser(test.db, test.config);
    await new Recorder(test.db, test.config).record(test.tenantId, [usage('ten', '10', NOON)]);
    const recorder = await session(test);
    const period = periodOf(test);

    const release = await holdMark(test);
    const beginning = closer.begin(test.tenantId, WHOLE_TENANT);
    await untilWaiting(test.db.work, 'countonce work');
    await recorder.query('BEGIN');
    const { rows } = await recorder.query<{ closed: boolean }>(IS_CLOSED, period);
    const entering = recorder.query(ENTER_REAL_GATE, [test.tenantId]);
    await untilWaiting(test.db.work, recorder.processID);
    await release();
    await closer.finish(test.tenantId, await beginning);
    await entering;
    await recorder.query(RECORD, [...period, 5, rows[0]!.closed]);
    await recorder.query('COMMIT');

    expect(await checkClose(test.db.work, test.subject, START)).toContain(
      'statement and late usage: told 10000000000000, the ledger says 15000000000000',
    );
  });

  it('our recorder finds the gate of another version and records late usage', async () => {
    await using test = await createDailyTenant();
    const recorder = new Recorder(test.db, test.config);
    const closer = new PeriodCloser(test.db, test.config);
    await recorder.record(test.tenantId, [usage('ten', '10', NOON)]);

    const release = await holdMark(test);
    const beginning = closer.begin(test.tenantId, WHOLE_TENANT);
    await untilWaiting(test.db.work, 'countonce work');
    const recording = recorder.record(test.tenantId, [usage('five', '5', NOON)]);
    await untilWaiting(test.db.work, 'countonce recording');
    await release();
    await closer.finish(test.tenantId, await beginning);

    expect(await recording).toEqual([
      { status: 'accepted', late: { billedPeriodStart: dayStart(1) } },
    ]);
    expect(await checkClose(test.db.work, test.subject, START)).toEqual([]);
    expect(await readStatement(test.db.work, test.subject, START)).toMatchObject({
      value: '10.000000000000',
      eventCount: 1,
    });
  });
});
