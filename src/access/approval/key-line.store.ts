import type { Queryable } from '../../database/connections.js';
import type { Micros } from '../../domain/instant.js';
import { READING_SCOPE } from './guarded-command.js';
import type { Scope } from '../scope.js';

/** A key, and where the line of keys that took one another's place began. */
export interface KeyLine {
  /** The id of the first key of the line. */
  readonly line: string;
  readonly createdAt: Micros;
}

const LINE = `
  WITH RECURSIVE line (key_id, created_at, place) AS (
    SELECT key_id, created_at, 0 FROM api_key WHERE tenant_id = $1 AND key_id = $2
    UNION ALL
    SELECT k.key_id, k.created_at, l.place + 1
      FROM line l JOIN api_key k ON k.tenant_id = $1 AND k.replaced_by = l.key_id)
  SELECT last.key_id AS line, first.created_at AS "createdAt"
    FROM (SELECT created_at FROM line WHERE place = 0) first
   CROSS JOIN (SELECT key_id FROM line ORDER BY place DESC LIMIT 1) last`;

const COUNT_APPROVERS = `
  WITH RECURSIVE line (key_id, root) AS (
    SELECT k.key_id, k.key_id FROM api_key k
     WHERE k.tenant_id = $1
       AND NOT EXISTS (SELECT FROM api_key b WHERE b.tenant_id = $1 AND b.replaced_by = k.key_id)
    UNION ALL
    SELECT k.replaced_by, l.root
      FROM line l JOIN api_key k ON k.tenant_id = $1 AND k.key_id = l.key_id
     WHERE k.replaced_by IS NOT NULL)
  SELECT count(DISTINCT l.root) AS n
    FROM line l JOIN api_key k ON k.tenant_id = $1 AND k.key_id = l.key_id
   WHERE k.scopes @> $2::text[] AND k.revoked_at IS NULL
     AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())`;

/** @throws Error where the tenant has no such key. */
export async function keyLine(db: Queryable, tenantId: string, keyId: string): Promise<KeyLine> {
  const [row] = await db.query<KeyLine>(LINE, [tenantId, keyId]);
  if (row === undefined) throw new Error('a key that nobody has sent a request');
  return row;
}

/** How many live keys, of different lines, could approve commands of a scope. */
export async function countApprovers(
  db: Queryable,
  tenantId: string,
  scope: Scope,
): Promise<number> {
  const [row] = await db.query<{ n: number }>(COUNT_APPROVERS, [tenantId, [scope, READING_SCOPE]]);
  return row!.n;
}
