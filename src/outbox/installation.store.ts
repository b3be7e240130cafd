import type { Queryable } from '../database/connections.js';

/** What stands in every identifier of a push; renewed when a restored database goes on. */
export async function installationId(db: Queryable): Promise<string> {
  const [row] = await db.query<{ id: string }>('SELECT installation_id AS "id" FROM installation');
  if (row === undefined) throw new Error('the installation has no row');
  return row.id;
}
