import { sqlState, type Queryable } from './connections.js';

/** The newest migration this version knows. */
export const NEWEST_MIGRATION = 'CreateReplays1795200000013';

const UNDEFINED_TABLE = '42P01';

/** Whether every migration that this version needs has been run. */
export async function isMigrated(db: Queryable): Promise<boolean> {
  try {
    const rows = await db.query('SELECT FROM migration WHERE name = $1', [NEWEST_MIGRATION]);
    return rows.length > 0;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return false;
    throw error;
  }
}
