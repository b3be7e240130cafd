import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { History } from '../replay/history.js';
import { at, MONTHS, openOldHistory, rehearse, retain } from './retention-scene.js';

let history: History;
beforeAll(async () => {
  history = await openOldHistory();
}, 300_000);
afterAll(() => history[Symbol.asyncDispose]());

const PERIOD = `(SELECT DISTINCT tenant_id, customer_no, meter_no, period_start FROM usage_entry
   WHERE billable AND received_at < '2026-02-01' ORDER BY 1, 2, 3, 4 LIMIT 1) p`;
const push = (status: string): string => `
  INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no, period_start,
         value, "timestamp", account_id, livemode, stripe_customer_id, event_name, customer_key,
         value_key, formula, finalizes_at, transition_no, status, settled_by, delivered_at, attempts,
         first_attempt_at)
  SELECT tenant_id, 'made', gen_random_uuid(), 1, 'delta', customer_no, meter_no, period_start, 1,
         '2026-02-01', 'acct', false, 'cus', 'name', 'customer', 'value', 'sum', '2026-02-01', 1,
         '${status}', CASE '${status}' WHEN 'unknown' THEN NULL ELSE 'answer' END,
         CASE '${status}' WHEN 'unknown' THEN NULL ELSE timestamptz '2026-02-01' END, 1, '2026-02-01'
    FROM ${PERIOD}`;
const hold = (reason: string): string => `
  INSERT INTO push_hold (tenant_id, customer_no, meter_no, period_start, reason, identifier, kind, value)
  SELECT p.*, '${reason}', 'held', 'delta', 1 FROM ${PERIOD}`;
const NO_PUSH = 'DELETE FROM push';
const NO_HOLD = 'DELETE FROM push_hold';

/** What is done to the database, what keeps the month then, and what takes it back. */
const OBSTACLES: readonly (readonly [string | null, readonly string[], readonly string[]])[] = [
  [
    'open_period',
    [
      'CREATE TABLE kept AS SELECT * FROM billing_period',
      `UPDATE billing_period b SET closed_at = NULL, period_close_id = NULL, value = NULL,
              carried_in = NULL, event_count = NULL, digest = NULL FROM ${PERIOD}
        WHERE (b.tenant_id, b.customer_no, b.meter_no, b.period_start)
            = (p.tenant_id, p.customer_no, p.meter_no, p.period_start)`,
    ],
    [
      'DELETE FROM billing_period',
      'INSERT INTO billing_period SELECT * FROM kept',
      'DROP TABLE kept',
    ],
  ],
  [
    'closed_lately',
    ['UPDATE billing_period SET closed_at = now() WHERE closed_at IS NOT NULL'],
    [`UPDATE billing_period SET closed_at = '2026-05-11' WHERE closed_at IS NOT NULL`],
  ],
  [
    'unwritten_amendment',
    [`INSERT INTO amendment_due SELECT p.*, now() FROM ${PERIOD}`],
    ['DELETE FROM amendment_due'],
  ],
  [
    'push_to_plan',
    [
      `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
       SELECT p.*, true FROM ${PERIOD}`,
    ],
    ['DELETE FROM push_work'],
  ],
  ['unsettled_push', [push('unknown')], [NO_PUSH]],
  ['unsettled_push', [push('disputed')], [NO_PUSH]],
  [null, [push('delivered')], [NO_PUSH]],
  [
    'push_to_read',
    [
      push('delivered'),
      `INSERT INTO push_reading (tenant_id, identifier, cause, next_read_at)
       SELECT tenant_id, identifier, 'drift', now() FROM push`,
    ],
    ['DELETE FROM push_reading', NO_PUSH],
  ],
  ['held_push', [hold('customer_unmapped')], [NO_HOLD]],
  [null, [hold('invoice_finalized')], [NO_HOLD]],
  [
    'late_void',
    [
      `INSERT INTO usage_entry
       SELECT tenant_id, event_key, meter_no, true, 7, customer_no, 'void', quantity, occurred_at,
              received_at, period_start, origin_start, 1, true, billable, settings_version, dimensions,
              unique_key
         FROM usage_entry JOIN meter USING (tenant_id, meter_no)
        WHERE key = 'peak' AND received_at < '2026-02-01' AND NOT is_void LIMIT 1`,
    ],
    ['DELETE FROM usage_entry WHERE entry_no = 7'],
  ],
  [
    'bulk_void_running',
    [
      `INSERT INTO bulk_void (tenant_id, bulk_void_id, filter, selection, reason, created_at, found)
       SELECT tenant_id, gen_random_uuid(), '{}', '{}', 'mistaken', now(), 1 FROM tenant`,
    ],
    ['DELETE FROM bulk_void'],
  ],
  [
    'replay_running',
    [
      `INSERT INTO replay (tenant_id, replay_id, mode, by_command, phase, periods)
       SELECT tenant_id, gen_random_uuid(), 'verify', true, 'periods', 1 FROM tenant`,
    ],
    ['DELETE FROM replay'],
  ],
  [
    'erasure_running',
    [
      `INSERT INTO erasure (tenant_id, erasure_id, customer_no, pseudonym, reason, sought, hash_key,
              audit_sequence, phase, created_at)
       SELECT tenant_id, gen_random_uuid(), 1, 'erased', 'asked', '{}', '', 1, 'usage_events', now()
         FROM tenant`,
    ],
    ['DELETE FROM erasure'],
  ],
];

describe('a month stays', () => {
  it.each(OBSTACLES)('by %s (%#)', async (reason, make, undo) => {
    for (const sql of make) expect(await history.damage(sql), sql).toBeGreaterThanOrEqual(0);
    try {
      const [january, february] = await rehearse(history);
      const reasons = january!.obstacles.map((each) => each.reason);
      expect(reasons).toEqual(reason === null ? [] : [reason]);
      expect(january!.status).toBe(reason === null ? 'may_leave' : 'stays');
      if (reason === null) return;
      expect(february!.obstacles[0]).toMatchObject({ reason: 'earlier_month_stays' });
      // And it does.
      expect(await retain(history)).toMatchObject([
        { month: MONTHS[0], status: 'stays', obstacles: [{ reason }] },
        { month: MONTHS[1], status: 'stays', obstacles: [{ reason: 'earlier_month_stays' }] },
        { month: MONTHS[2], status: 'stays' },
      ]);
      const { rows } = await history.app.pool.query('SELECT FROM retained_month');
      expect(rows).toEqual([]);
    } finally {
      for (const sql of undo) await history.damage(sql);
    }
  });

  it('until 35 days after its end', async () => {
    const { rows } = await history.app.pool.query<{ last: string; now: Date }>(
      `SELECT to_char(date_trunc('month', now()) - interval '1 month', 'YYYY-MM') AS last, now()`,
    );
    const { last, now } = rows[0]!;
    for (const book of ['usage_event', 'usage_entry']) {
      const name = `${book}_${last.replace('-', '_')}`;
      const there = await history.app.pool.query('SELECT to_regclass($1) AS name', [name]);
      if (there.rows[0].name === null)
        await history.damage(`SELECT make_usage_month('${book}', '${last}-01')`);
    }
    const months = await rehearse(history, at(now.toISOString()));
    expect(months.at(-1)).toMatchObject({ month: last, obstacles: [{ reason: 'too_recent' }] });
  });

  it('where nothing keeps it, none', async () => {
    expect((await rehearse(history)).map(({ status }) => status)).toEqual(
      MONTHS.map(() => 'may_leave'),
    );
  });
});
