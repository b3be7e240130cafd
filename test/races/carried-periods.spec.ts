import { expect, it } from 'vitest';
import { formatInstantMicros, MICROS_PER_SECOND } from '../../src/domain/instant.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { createDailyTenant, dayStart, usage } from './daily-tenant.js';
import { session } from './held-transaction.js';
import { untilWaiting } from './waiting.js';

it('usage is late in a period that a carried value opened behind its back, already closed', async () => {
  await using test = await createDailyTenant();
  const { tenantId, customerNo, meterNo } = test.subject;
  await test.db.work.query(
    `UPDATE tenant SET clock_closed_through = $2, gate_version = gate_version + 1
      WHERE tenant_id = $1`,
    [tenantId, formatInstantMicros(dayStart(3))],
  );
  // As a close does that the clock began, after the statement of the day before.
  const closer = await session(test);
  await closer.query('BEGIN');
  await closer.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end,
            backfilled, carried_last)
     VALUES ($1, $2, $3, $4, $5, false, 7)`,
    [
      tenantId,
      customerNo,
      meterNo,
      formatInstantMicros(dayStart(1)),
      formatInstantMicros(dayStart(2)),
    ],
  );
  const event = usage('a', '5', dayStart(1) + MICROS_PER_SECOND);
  const recorded = new Recorder(test.db, test.config).record(tenantId, [event]);
  await untilWaiting(test.db.work, 'countonce recording');
  await closer.query('COMMIT');
  expect(await recorded).toMatchObject([
    { status: 'accepted', late: { billedPeriodStart: dayStart(3) } },
  ]);
  const entries = await test.db.work.query(
    'SELECT FROM usage_entry WHERE tenant_id = $1 AND period_start = $2 AND revision = 0',
    [tenantId, formatInstantMicros(dayStart(1))],
  );
  expect(entries).toEqual([]);
});
