import { MIGRATIONS } from './migrations.js';
import { sqlState, type Queryable } from './connections.js';

const MISSING = `
  SELECT FROM unnest($1::text[]) AS known (name)
   WHERE NOT EXISTS (SELECT FROM migration m WHERE m.name = known.name) LIMIT 1`;

const NAMES = MIGRATIONS.map(({ name }) => name);

const UNDEFINED_TABLE = '42P01';

/** Whether every migration that this version needs has been run. */
export async function isMigrated(db: Queryable): Promise<boolean> {
  try {
    return (await db.query(MISSING, [NAMES])).length === 0;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return false;
    throw error;
  }
}
