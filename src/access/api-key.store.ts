import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Principal } from './caller.js';
import type { Scope } from './scope.js';

export interface NewApiKeyRow {
  readonly tenantId: string;
  readonly keyId: string;
  readonly name: string;
  readonly keyHash: Buffer;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: Micros | undefined;
}

/** A key that is neither revoked nor expired. */
export interface LiveKey {
  readonly principal: Principal;
  /** Until it expires; nothing where it never does. */
  readonly livesForMs: number | null;
}

/** What a statement has to say of a key before it changes it. */
export interface LockedKey {
  readonly keyId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Micros;
  readonly expiresAt: Micros | null;
  readonly replacedBy: string | null;
  readonly isLive: boolean;
  readonly now: Micros;
}

/**
 * Whose key has this SHA-256, unless it was revoked or has expired.
 *
 * The index compares digests, not keys: how long it takes tells at most how much of the digest of
 * a guess is right, which says nothing of the key.
 */
export async function liveKey(db: Queryable, keyHash: Buffer): Promise<LiveKey | undefined> {
  const [row] = await db.query<Principal & { livesForMs: number | null }>(
    `SELECT tenant_id AS "tenantId", key_id AS "keyId", scopes,
            (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::float8 AS "livesForMs"
       FROM api_key
      WHERE key_hash = $1 AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > clock_timestamp())`,
    [keyHash],
  );
  if (row === undefined) return undefined;
  const { livesForMs, ...principal } = row;
  return { principal, livesForMs };
}

/** @returns When it was made; nothing where it would be expired by now. */
export async function insertApiKey(db: Queryable, key: NewApiKeyRow): Promise<Micros | undefined> {
  const expiresAt = key.expiresAt === undefined ? null : formatInstantMicros(key.expiresAt);
  const [row] = await db.query<{ createdAt: Micros }>(
    `INSERT INTO api_key (tenant_id, key_id, name, key_hash, scopes, expires_at)
     SELECT $1, $2, $3, $4, $5, $6::timestamptz
      WHERE $6::timestamptz IS NULL OR $6::timestamptz > clock_timestamp()
     RETURNING created_at AS "createdAt"`,
    [key.tenantId, key.keyId, key.name, key.keyHash, key.scopes, expiresAt],
  );
  return row?.createdAt;
}

/** Locks a key of the tenant until the transaction ends. */
export async function lockApiKey(
  tx: Transaction,
  tenantId: string,
  keyId: string,
): Promise<LockedKey | undefined> {
  const [row] = await tx.query<LockedKey>(
    `SELECT key_id AS "keyId", name, scopes, created_at AS "createdAt", expires_at AS "expiresAt",
            replaced_by AS "replacedBy", clock_timestamp() AS now,
            revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS "isLive"
       FROM api_key WHERE tenant_id = $1 AND key_id = $2 FOR UPDATE`,
    [tenantId, keyId],
  );
  return row;
}

/** Locks the keys that may manage keys, in one order for all, so that none takes the last two. */
export async function lockLiveAdminKeys(tx: Transaction, tenantId: string): Promise<string[]> {
  const rows = await tx.query<{ keyId: string }>(
    `SELECT key_id AS "keyId" FROM api_key
      WHERE tenant_id = $1 AND 'admin' = ANY (scopes) AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > clock_timestamp())
      ORDER BY key_id FOR UPDATE`,
    [tenantId],
  );
  return rows.map(({ keyId }) => keyId);
}

/**
 * Lets a key end when its overlap with the key in its place does, or sooner where it would have.
 *
 * @returns The SHA-256 of the key, and when it ends.
 */
export async function replaceApiKey(
  tx: Transaction,
  tenantId: string,
  keyId: string,
  by: { readonly keyId: string; readonly overlapEndsAt: Micros },
): Promise<{ keyHash: Buffer; expiresAt: Micros }> {
  const [row] = await tx.query<{ keyHash: Buffer; expiresAt: Micros }>(
    `UPDATE api_key SET expires_at = least(expires_at, $3::timestamptz), replaced_by = $4
      WHERE tenant_id = $1 AND key_id = $2
      RETURNING key_hash AS "keyHash", expires_at AS "expiresAt"`,
    [tenantId, keyId, formatInstantMicros(by.overlapEndsAt), by.keyId],
  );
  return row!;
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

/** Notes that a key was used; once a minute is enough, whichever process says so. */
export async function noteKeyUse(
  db: Queryable,
  tenantId: string,
  keyId: string,
  at: Micros,
  atLeastApart: Micros,
): Promise<void> {
  await db.query(
    `UPDATE api_key SET last_used_at = $3
      WHERE tenant_id = $1 AND key_id = $2 AND (last_used_at IS NULL OR last_used_at <= $4)`,
    [tenantId, keyId, formatInstantMicros(at), formatInstantMicros(at - atLeastApart)],
  );
}
