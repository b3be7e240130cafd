import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReplayDifferenceAnswer } from '../../src/replay/replay.answer.js';
import { History } from './history.js';

let history: History;
let intact: string[];

beforeAll(async () => {
  history = await History.open(7);
  await history.happen(60);
  // Every kind of damage needs something to be done to.
  await history.send(60, 20);
  await history.close();
  await history.send(40, 88);
  await history.fold();
  await history.send(40, 88);
  intact = await history.totals();
  expect((await history.replay()).difference_count).toBe(0);
});
afterAll(() => history[Symbol.asyncDispose]());

const METER = (key: string): string => `(SELECT meter_no FROM meter WHERE key = '${key}')`;

/** The one entry of its event, and of its id. */
const ALONE = `(SELECT count(*) FROM usage_entry o WHERE o.event_key = e.event_key) = 1`;

/** What is wrong, as short as it can be told. */
function kinds(differences: readonly ReplayDifferenceAnswer[]): string[] {
  return [...new Set(differences.map(({ kind }) => kind))].toSorted();
}

describe('a replay finds, tells and mends', () => {
  it.each([
    [
      'a changed total',
      `UPDATE usage_total SET quantity_sum = quantity_sum + 1
        WHERE ctid = (SELECT ctid FROM usage_total WHERE meter_no = ${METER('total')} LIMIT 1)`,
      'quantity_sum',
    ],
    [
      'a count that is off by one',
      `UPDATE usage_total SET entry_count = entry_count + 1
        WHERE ctid = (SELECT ctid FROM usage_total LIMIT 1)`,
      'entry_count',
    ],
    [
      'a largest value',
      `UPDATE usage_total SET quantity_max = 10000
        WHERE ctid = (SELECT ctid FROM usage_total WHERE meter_no = ${METER('peak')} LIMIT 1)`,
      'quantity_max',
    ],
    [
      'a last value',
      `UPDATE usage_total SET last_quantity = last_quantity + 1
        WHERE ctid = (SELECT ctid FROM usage_total WHERE meter_no = ${METER('level')} LIMIT 1)`,
      'last_quantity',
    ],
    [
      'a digest',
      `UPDATE usage_total SET digest = digest + 1 WHERE ctid = (SELECT ctid FROM usage_total LIMIT 1)`,
      'digest',
    ],
    [
      'a lost delta',
      `DELETE FROM usage_delta WHERE ctid = (SELECT ctid FROM usage_delta LIMIT 1)`,
      undefined,
    ],
    [
      'a delta that was folded and stayed',
      `INSERT INTO usage_delta SELECT * FROM usage_delta LIMIT 1`,
      undefined,
    ],
    [
      'a lost total',
      `DELETE FROM usage_total WHERE ctid = (SELECT ctid FROM usage_total LIMIT 1)`,
      undefined,
    ],
    [
      'a total that nothing is behind',
      `INSERT INTO usage_total SELECT tenant_id, customer_no, meter_no, period_start, origin_start,
              revision, billable, bucket, '["nowhere"]', 1, 1, 1, 1, last_at, last_key, 1
         FROM usage_total LIMIT 1`,
      undefined,
    ],
  ])('%s', async (_, damage, member) => {
    expect(await history.damage(damage)).toBe(1);
    const damaged = await history.totals();
    expect(damaged).not.toEqual(intact);

    const verified = await history.replay();
    expect(verified).toMatchObject({ difference_count: 1, changes: 0 });
    const [difference] = verified.differences;
    expect(difference).toMatchObject({ kind: 'total', mended: false });
    if (member !== undefined) {
      expect(Object.keys(difference!.ledger!)).toEqual([member]);
      expect(difference!.stored![member]).not.toBe(difference!.ledger![member]);
    }
    expect(await history.totals()).toEqual(damaged);

    const applied = await history.replay({ mode: 'apply' });
    expect(applied).toMatchObject({ difference_count: 1, changes: 1 });
    expect(applied.differences).toEqual([{ ...difference, mended: true }]);
    expect(await history.totals()).toEqual(intact);
    expect(await history.replay()).toMatchObject({ difference_count: 0 });

    const reverted = await history.revert(applied.id);
    expect(reverted).toMatchObject({ mode: 'revert', status: 'finished', changes: 1 });
    expect(await history.totals()).toEqual(damaged);
    await history.replay({ mode: 'apply' });
    expect(await history.totals()).toEqual(intact);
  });

  it.each([
    [
      'a lost member of a set',
      `DELETE FROM usage_unique WHERE ctid = (SELECT ctid FROM usage_unique LIMIT 1)`,
      1,
      0,
    ],
    [
      'a member that nothing is behind',
      `INSERT INTO usage_unique SELECT tenant_id, customer_no, meter_no, period_start, revision,
              billable, bucket, dimensions, gen_random_uuid() FROM usage_unique LIMIT 1`,
      0,
      1,
    ],
  ])('%s', async (_, damage, notStored, notInLedger) => {
    expect(await history.damage(damage)).toBe(1);
    const damaged = await history.totals();
    const applied = await history.replay({ mode: 'apply' });
    expect(applied).toMatchObject({ difference_count: 1, changes: 1 });
    expect(applied.differences[0]).toMatchObject({
      kind: 'unique_set',
      meter: 'people',
      ledger: { not_stored: notStored },
      stored: { not_in_ledger: notInLedger },
      mended: true,
    });
    expect(await history.totals()).toEqual(intact);
    await history.revert(applied.id);
    expect(await history.totals()).toEqual(damaged);
    await history.replay({ mode: 'apply' });
    expect(await history.totals()).toEqual(intact);
  });
});

describe('a replay finds and tells', () => {
  /** Does damage, looks, and takes it back. */
  async function told(damage: string, mend: string): Promise<ReplayDifferenceAnswer[]> {
    expect(await history.damage(damage)).toBeGreaterThan(0);
    try {
      const { differences, difference_count: count } = await history.replay({ mode: 'apply' });
      expect(count).toBe(differences.length);
      return [...differences];
    } finally {
      await history.damage(mend);
      await history.replay({ mode: 'apply' });
      expect(await history.totals()).toEqual(intact);
    }
  }

  it.each([
    ['value', 'value + 1', 'value - 1'],
    ['carried_in', 'carried_in + 1', 'carried_in - 1'],
    ['event_count', 'event_count + 1', 'event_count - 1'],
    [
      'digest',
      'set_byte(digest, 0, 255 - get_byte(digest, 0))',
      'set_byte(digest, 0, 255 - get_byte(digest, 0))',
    ],
  ])('another %s in a statement, and never writes it again', async (column, change, back) => {
    const one = `(tenant_id, customer_no, meter_no, period_start) =
      (SELECT tenant_id, customer_no, meter_no, period_start FROM billing_period
        WHERE closed_at IS NOT NULL AND meter_no = ${METER('total')} ORDER BY 2, 3, 4 LIMIT 1)`;
    const set = (value: string): string =>
      `UPDATE billing_period SET ${column} = ${value} WHERE ${one}`;
    const [difference, ...others] = await told(set(change), set(back));
    expect(others).toEqual([]);
    expect(difference).toMatchObject({ kind: 'statement', meter: 'total', mended: false });
    expect(Object.keys(difference!.stored!)).toEqual([column]);
  });

  it('a period that begins with another value than the one before ended with', async () => {
    const one = `(customer_no, meter_no, period_start) =
      (SELECT p.customer_no, p.meter_no, p.period_start FROM billing_period p
        WHERE p.carried_last IS NOT NULL AND p.closed_at IS NULL ORDER BY 1, 2, 3 LIMIT 1)`;
    const differences = await told(
      `UPDATE billing_period SET carried_last = carried_last + 1 WHERE ${one}`,
      `UPDATE billing_period SET carried_last = carried_last - 1 WHERE ${one}`,
    );
    expect(differences).toMatchObject([{ kind: 'carried_last', meter: 'level' }]);
  });

  it('an entry that is gone, by its totals, its statement and its id', async () => {
    const differences = await told(
      `WITH gone AS (
         DELETE FROM usage_entry WHERE (event_key, meter_no) = (
           SELECT e.event_key, e.meter_no FROM usage_entry e
             JOIN billing_period p USING (tenant_id, customer_no, meter_no, period_start)
            WHERE p.closed_at IS NOT NULL AND e.meter_no = ${METER('strict')} AND e.revision = 0
              AND e.billable AND ${ALONE} ORDER BY e.event_key LIMIT 1)
         RETURNING *)
       INSERT INTO lost_entry SELECT * FROM gone`,
      'INSERT INTO usage_entry SELECT * FROM lost_entry',
    );
    expect(kinds(differences)).toEqual(['key_without_entry', 'statement', 'total']);
    const ofKey = differences.find(({ kind }) => kind === 'key_without_entry');
    expect(ofKey!.stored).toMatchObject({ counts: [{ meter: 'strict' }] });
  });

  it('an id that is gone', async () => {
    const differences = await told(
      `WITH gone AS (
         DELETE FROM usage_event_key WHERE event_key = (
           SELECT e.event_key FROM usage_entry e
           WHERE e.meter_no = ${METER('strict')} AND ${ALONE} ORDER BY e.event_key LIMIT 1) RETURNING *)
       INSERT INTO lost_key SELECT * FROM gone`,
      'INSERT INTO usage_event_key SELECT * FROM lost_key',
    );
    expect(differences).toMatchObject([
      { kind: 'entry_without_key', meter: 'strict', stored: null },
    ]);
  });

  it('entries whose period is gone', async () => {
    const differences = await told(
      `WITH gone AS (
         DELETE FROM billing_period WHERE (customer_no, meter_no, period_start) = (
           SELECT customer_no, meter_no, period_start FROM usage_entry
            WHERE meter_no = ${METER('strict')} AND billable LIMIT 1) RETURNING *)
       INSERT INTO lost_period SELECT * FROM gone`,
      'INSERT INTO billing_period SELECT * FROM lost_period',
    );
    expect(kinds(differences)).toContain('period_missing');
  });

  beforeAll(async () => {
    for (const [name, table] of [
      ['lost_entry', 'usage_entry'],
      ['lost_key', 'usage_event_key'],
      ['lost_period', 'billing_period'],
    ])
      await history.app.pool.query(`CREATE TABLE ${name} (LIKE ${table})`);
  });
});
