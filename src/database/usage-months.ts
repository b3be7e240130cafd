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
