import type pg from 'pg';
import { sqlState } from '../database/connections.js';
import type { OldMonth } from './retained-month.store.js';

const QUERY_CANCELED = '57014';

/** Entries first: while both last, nobody finds an entry whose event is gone. */
const BOOKS = ['usage_entry', 'usage_event'] as const;

/**
 * Makes the month's tables parts of the ledger no more. It waits for whoever reads the ledger just now,
 * and nobody waits for it. Where it is broken off, it goes on from there the next time.
 *
 * @param session Without an open transaction or a limit of time.
 * @returns False where it was cancelled.
 */
export async function detachMonth(session: pg.Client, { suffix }: OldMonth): Promise<boolean> {
  try {
    for (const book of BOOKS) {
      const part = `${book}_${suffix}`;
      const { rows } = await session.query<{ pending: boolean }>(
        `SELECT inhdetachpending AS pending FROM pg_inherits
          WHERE inhparent = to_regclass($1) AND inhrelid = to_regclass($2)`,
        [book, part],
      );
      if (rows[0] === undefined) continue;
      const how = rows[0].pending ? 'FINALIZE' : 'CONCURRENTLY';
      await session.query(`ALTER TABLE ${book} DETACH PARTITION ${part} ${how}`);
    }
    return true;
  } catch (error) {
    if (sqlState(error) === QUERY_CANCELED) return false;
    throw error;
  }
}
