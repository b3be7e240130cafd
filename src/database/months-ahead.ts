import type { Queryable } from './connections.js';

const MONTHS_AHEAD = `
  SELECT coalesce(min(n) FILTER (WHERE to_regclass('usage_event' || month) IS NULL
                                    OR to_regclass('usage_entry' || month) IS NULL), 4) - 1 AS ahead
    FROM (SELECT n, to_char(date_trunc('month', now()) + n * interval '1 month', '_YYYY_MM') AS month
            FROM generate_series(0, 3) n) m`;

/** For how many months after this one there is a table; -1 where this one has none. */
export async function monthsAhead(db: Queryable): Promise<number> {
  const [row] = await db.query<{ ahead: number }>(MONTHS_AHEAD);
  return row!.ahead;
}
