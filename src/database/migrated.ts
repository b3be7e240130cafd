import { sqlState, type Queryable } from './connections.js';

/** The newest migration this version knows, and the one that has a number after all others. */
export const NEWEST_MIGRATIONS = ['UsageStorage1795200000017', 'CreateRoles1795200000090'];

const UNDEFINED_TABLE = '42P01';

/** Whether every migration that this version needs has been run. */
export async function isMigrated(db: Queryable): Promise<boolean> {
  try {
    const rows = await db.query('SELECT DISTINCT name FROM migration WHERE name = ANY ($1)', [
      NEWEST_MIGRATIONS,
    ]);
    return rows.length === NEWEST_MIGRATIONS.length;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return false;
    throw error;
  }
}
