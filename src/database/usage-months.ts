import type { Queryable } from './connections.js';
import { lacksPartOnWorker } from './worker-error.js';

/**
 * Makes what is missing of the months of `usage_event` and `usage_entry`, up to the third after this
 * one, with the rights of their owner; answers how many tables that were.
 */
export const MAKE_USAGE_MONTHS = 'SELECT make_usage_months() AS made';

/** Whether a row was refused because the table that its month is to stand in was never made. */
export function isMonthMissing(error: unknown): boolean {
  // PostgreSQL has no code of its own for it; its routine's name is the same in every language.
  const isOwn =
    error instanceof Error && 'routine' in error && error.routine === 'ExecFindPartition';
  return isOwn || lacksPartOnWorker(error);
}

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
