import { expect, it } from 'vitest';
import { History } from './history.js';

it.each([1, 2])(
  'a replay finds nothing in what voids made, open, carried and amended (%#)',
  async () => {
    await using history = await History.open();
    await history.happen(30);
    const { rows } = await history.app.pool.query<{ usage_event_id: string }>(
      'SELECT usage_event_id FROM usage_event ORDER BY event_key',
    );
    const chosen = history.random.shuffle(rows).slice(0, 40);
    for (const [i, { usage_event_id }] of chosen.entries()) {
      const answer = await history.app.call('POST', '/v1/usage-events/void', {
        usage_event_id,
        reason: 'test',
      });
      expect(answer.status, answer.text).toBe(200);
      if (i % 10 === 0) await history.fold();
      if (i === 20) await history.close();
    }
    const voids = await history.app.pool.query('SELECT FROM usage_entry WHERE is_void');
    expect(voids.rowCount).toBeGreaterThan(40);
    const answer = await history.replay();
    expect(answer.differences, `seed ${history.random.seed}`).toEqual([]);
    const before = await history.totals();
    await history.damage('UPDATE usage_total SET quantity_sum = quantity_sum + 1');
    await history.damage('DELETE FROM usage_unique');
    await history.replay({ mode: 'apply' });
    expect((await history.replay()).difference_count).toBe(0);
    expect((await history.totals()).length).toBe(before.length);
  },
);
