import { afterAll, beforeAll, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
let tenantId: string;
beforeAll(async () => {
  app = await startTestApp();
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  await app.call('POST', '/v1/test-clock', { now: '2026-05-10T12:00:00Z' });
  await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
});
afterAll(async () => app[Symbol.asyncDispose]());
let ids = 0;
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
  app.call('POST', '/v1/usage-events/void', { usage_event_id: id, reason: 'x' });
const close = (customer_id: string, month: string) =>
  app.call('POST', '/v1/period-closes', { customer_id, as_of: `2026-${month}-01T00:00:00Z` });
const sealer = (): AmendmentSealer => app.app.get(AmendmentSealer);
/** Until so many statements of the application wait for a lock. */
async function waiting(count: number): Promise<void> {
  await expect
    .poll(
      async () =>
        (
          await app.pool.query(
            `SELECT FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          )
        ).rowCount,
      { timeout: 60_000 },
    )
    .toBeGreaterThanOrEqual(count);
}
/** Seals and writes once: the process ends before it looks at what that changed. */
async function step(): Promise<void> {
  await sealer()['seal'](tenantId);
  await sealer()['write'](tenantId);
}
async function settle() {
  for (let round = 0; round < 40; round++) {
    const { rowCount } = await app.pool.query('UPDATE amendment_due SET due_at = now()');
    const { rows } = await app.pool.query('SELECT FROM period_close WHERE finished_at IS NULL');
    if (rowCount === 0 && rows.length === 0) return;
    await sealer().run(tenantId, () => false);
    await app.app.get(PeriodCloser).resume(tenantId, () => false);
  }
  throw new Error('amendments go on and on');
}
const only = (month: string) =>
  app.pool.query(
    `UPDATE amendment_due SET due_at = CASE WHEN to_char(period_start, 'MM') = $1 THEN now()
       ELSE now() + interval '1 hour' END`,
    [month],
  );
async function amended(c: string) {
  const path = `/v1/customers/${c}/billing-periods?meter=level`;
  return (await app.call('GET', path)).body.data.map((s: any) => s.amended_value);
}

it('keeps what is carried into a period while what was due there is sealed', async () => {
  await use('lost', '01-10', 10);
  await close('lost', '05');
  const e = await use('lost', '01-20', 7);
  await only('01');
  await step(); // Jan 7; Feb due
  await take(e);
  await only('01');
  await step(); // Jan 10 again; Feb still due
  await use('lost', '01-21', 5);
  await only('01');
  await sealer()['seal'](tenantId); // Jan revision 3 sealed, not written
  await only('02');
  const c = await app.pool.connect();
  await c.query('BEGIN');
  await c.query('SELECT FROM amendment_due FOR UPDATE');
  const other = sealer()['seal'](tenantId); // one process: has read the facts, is before its DELETE
  await waiting(1);
  await sealer()['write'](tenantId); // another one: its due for Feb meets the old one: DO NOTHING
  await c.query('COMMIT');
  c.release();
  await other;
  await settle();
  expect(await amended('lost')).toEqual(['5', '5', '5', '5', '5']);
});

it('counts a change once where a later revision is sealed while another process writes the one before', async () => {
  await use('bx', '01-10', 10);
  await close('bx', '05');
  await use('by', '01-10', 10);
  await close('by', '05');
  await use('by', '01-20', 7);
  await only('01');
  await sealer().run(tenantId, () => false);
  await use('bx', '01-20', 7);
  await app.pool.query('UPDATE amendment_due SET due_at = now()');
  await sealer()['seal'](tenantId); // bx Jan 1 and by Feb 1 (without entries)
  const c = await app.pool.connect();
  await c.query('BEGIN');
  await c.query(`SELECT FROM billing_period p JOIN customer c USING (tenant_id, customer_no)
                  WHERE c.customer_id = 'bx' AND to_char(period_start, 'MM') = '01' FOR UPDATE OF p`);
  const first = sealer()['write'](tenantId); // has taken by Feb 1, waits in lockPeriods for bx
  await waiting(1);
  await use('by', '02-15', 3);
  await app.pool.query('UPDATE amendment_due SET due_at = now()');
  await sealer()['seal'](tenantId); // by Feb 2
  await sealer()['write'](tenantId); // writes 2 before 1
  await c.query('COMMIT');
  c.release();
  await first;
  await settle();
  expect(await amended('by')).toEqual(['7', '3', '3', '3', '3']);
});

it('tells usage by period as the statement does while its amendment grows', async () => {
  await use('c', '01-10', 10);
  const feb = await use('c', '02-10', 5);
  await close('c', '05');
  await use('c', '01-20', 7);
  await settle();
  await take(feb);
  const path = '/v1/usage?meter=level&customer_id=c&window=period';
  const used = (await app.call('GET', path)).body.data.map((r: any) => r.value);
  expect(used[1]).toBe((await amended('c'))[1]);
  await settle();
});

it('records a replacement into a period that is opened and closed meanwhile', async () => {
  const id = await use('j', '05-05', 10);
  const {
    rows: [p],
  } = await app.pool.query(
    `SELECT p.customer_no, p.meter_no FROM billing_period p JOIN customer c USING (tenant_id, customer_no)
      WHERE c.customer_id = 'j'`,
  );
  await app.pool.query(
    `UPDATE tenant SET clock_closed_through = '2026-04-01Z', gate_version = gate_version + 1`,
  );
  const c = await app.pool.connect();
  await c.query('BEGIN');
  await c.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled,
       carried_last) VALUES ($1, $2, $3, '2026-03-01Z', '2026-04-01Z', false, 7)`,
    [tenantId, p.customer_no, p.meter_no],
  );
  const sent = app.call('POST', '/v1/usage-events/void', {
    usage_event_id: id,
    reason: 'x',
    replacement: {
      usage_event_id: 'repl',
      customer_id: 'j',
      meter: 'level',
      quantity: 3,
      occurred_at: '2026-03-10T00:00:00Z',
    },
  });
  await waiting(1);
  await c.query('COMMIT');
  c.release();
  expect((await sent).status).toBe(200);
});
