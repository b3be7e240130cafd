import { describe, expect, it } from 'vitest';
import { History } from './history.js';

describe('a replay', () => {
  it.each([1, 2, 3])('finds nothing in what recorders, folds and closes made (%#)', async () => {
    await using history = await History.open();
    await history.happen(60);
    const answer = await history.replay();
    expect(answer.differences, `seed ${history.random.seed}`).toEqual([]);
    expect(answer).toMatchObject({ status: 'finished', difference_count: 0, changes: 0 });
    const { rows } = await history.app.pool.query<{
      entries: number;
      keys: number;
      closed: number;
    }>(
      `SELECT (SELECT count(*)::int FROM usage_entry) AS entries,
              (SELECT count(*)::int FROM usage_event_key) AS keys,
              (SELECT count(*)::int FROM billing_period WHERE closed_at IS NOT NULL) AS closed`,
    );
    expect(answer.checked).toMatchObject({
      entries: rows[0]!.entries,
      registry_keys: rows[0]!.keys,
      statements: rows[0]!.closed,
    });
  });
});
