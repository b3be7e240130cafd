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

/** A key that is revoked, now or before. */
export interface RevokedKey {
  readonly keyHash: Buffer;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly revokedAt: Micros;
  /** Whether it was not revoked before. */
  readonly isNew: boolean;
}

/**
 * Revokes a key; one that is revoked already keeps its time.
 *
 * @returns Nothing where the tenant has no such key.
 */
export async function revokeApiKey(
  db: Queryable,
  tenantId: string,
  keyId: string,
  at: Micros,
): Promise<RevokedKey | undefined> {
  const [row] = await db.query<RevokedKey>(
    `UPDATE api_key k SET revoked_at = coalesce(k.revoked_at, $3)
       FROM (SELECT key_id, revoked_at FROM api_key
              WHERE tenant_id = $1 AND key_id = $2 FOR UPDATE) b
      WHERE k.tenant_id = $1 AND k.key_id = b.key_id
      RETURNING k.key_hash AS "keyHash", k.name, k.scopes, k.revoked_at AS "revokedAt",
                b.revoked_at IS NULL AS "isNew"`,
    [tenantId, keyId, formatInstantMicros(at)],
  );
  return row;
}
