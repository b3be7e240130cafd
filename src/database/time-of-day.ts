import type { Micros } from '../domain/instant.js';
import type { Queryable } from './connections.js';

/** The database's: leases, back-off and pace of all processes go by one clock. */
export async function timeOfDay(db: Queryable): Promise<Micros> {
  const [row] = await db.query<{ now: Micros }>('SELECT clock_timestamp() AS now');
  return row!.now;
}
