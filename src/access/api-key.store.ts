import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Principal } from './caller.js';
import type { Scope } from './scope.js';

export interface NewApiKeyRow {
  readonly tenantId: string;
  readonly keyId: string;
  readonly name: string;
  readonly keyHash: Buffer;
  readonly scopes: readonly Scope[];
}

/** Whose key has this SHA-256, unless it was revoked. */
export async function principalOf(db: Queryable, keyHash: Buffer): Promise<Principal | undefined> {
  const [row] = await db.query<Principal>(
    `SELECT tenant_id AS "tenantId", key_id AS "keyId", scopes
       FROM api_key
      WHERE key_hash = $1 AND revoked_at IS NULL`,
    [keyHash],
  );
  return row;
}

/** @returns When it was made. */
export async function insertApiKey(db: Queryable, key: NewApiKeyRow): Promise<Micros> {
  const [row] = await db.query<{ createdAt: Micros }>(
    `INSERT INTO api_key (tenant_id, key_id, name, key_hash, scopes)
     VALUES ($1, $2, $3, $4, $5)
     RETURNING created_at AS "createdAt"`,
    [key.tenantId, key.keyId, key.name, key.keyHash, key.scopes],
  );
  return row!.createdAt;
}

/**
 * Revokes a key; one that is revoked already keeps its time.
 *
 * @returns The SHA-256 of the key, or nothing where the tenant has no such key.
 */
export async function revokeApiKey(
  db: Queryable,
  tenantId: string,
  keyId: string,
  at: Micros,
): Promise<Buffer | undefined> {
  const [row] = await db.query<{ keyHash: Buffer }>(
    `UPDATE api_key SET revoked_at = coalesce(revoked_at, $3)
      WHERE tenant_id = $1 AND key_id = $2
      RETURNING key_hash AS "keyHash"`,
    [tenantId, keyId, formatInstantMicros(at)],
  );
  return row?.keyHash;
}
