import type { Queryable } from './connections.js';

/** What a statement that looks across tenants finds, by its column `tenantId`. */
export async function tenantIds(
  db: Queryable,
  sql: string,
  parameters?: readonly unknown[],
): Promise<string[]> {
  const rows = await db.query<{ tenantId: string }>(sql, parameters);
  return rows.map(({ tenantId }) => tenantId);
}
