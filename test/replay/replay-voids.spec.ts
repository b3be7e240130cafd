import { expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { History } from './history.js';

/** Usage, closes, and voids of some of it. */
async function corrected(): Promise<History> {
  const history = await History.open();
  await history.happen(20);
  // The first of April: every period of the usage so far has ended.
  await history.arriveAt(90);
  await history.send(60, 25);
  await history.close();
  await history.send(30, 88);
  const { rows } = await history.app.pool.query<{ usage_event_id: string }>(
    'SELECT usage_event_id FROM usage_event ORDER BY event_key',
  );
  for (const [i, { usage_event_id }] of history.random.shuffle(rows).slice(0, 40).entries()) {
    const body = { usage_event_id, reason: 'test' };
    const answer = await history.app.call('POST', '/v1/usage-events/void', body);
    expect(answer.status, answer.text).toBe(200);
    if (i % 10 === 0) await history.fold();
  }
  // As if they were due: what trickles in late waits for more of it.
  await history.app.pool.query(`UPDATE amendment_due SET due_at = '2000-01-01'`);
  await history.app.app.get(AmendmentSealer).run(history.tenantId, () => false);
  return history;
}

it.each([1, 2])('a replay counts voids and amendments as they were made (%#)', async () => {
  await using history = await corrected();
  const { rows } = await history.app.pool.query<{ voids: number; amendments: number }>(
    `SELECT (SELECT count(*)::int FROM usage_entry WHERE is_void) AS voids,
            (SELECT count(*)::int FROM period_amendment WHERE created_at IS NOT NULL) AS amendments`,
  );
  expect(rows[0]!.voids).toBeGreaterThan(20);
  expect(rows[0]!.amendments).toBeGreaterThan(0);
  const answer = await history.replay();
  expect(answer.differences, `seed ${history.random.seed}`).toEqual([]);

  const one = `(customer_no, meter_no, period_start, revision) =
    (SELECT customer_no, meter_no, period_start, revision FROM period_amendment
      WHERE created_at IS NOT NULL ORDER BY 1, 2, 3, 4 DESC LIMIT 1)`;
  for (const column of ['value', 'event_count']) {
    const change = (sign: string): string =>
      `UPDATE period_amendment SET ${column} = ${column} ${sign} 1 WHERE ${one}`;
    expect(await history.damage(change('+'))).toBe(1);
    const { differences } = await history.replay();
    expect(differences.map(({ kind }) => kind)).toContain('amendment');
    await history.damage(change('-'));
  }

  await history.damage('UPDATE usage_total SET quantity_sum = quantity_sum + 1');
  await history.damage('DELETE FROM usage_unique');
  expect((await history.replay({ mode: 'apply' })).changes).toBeGreaterThan(0);
  expect((await history.replay()).difference_count).toBe(0);
});
