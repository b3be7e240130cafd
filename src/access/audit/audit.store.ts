import type { Transaction } from '../../database/connections.js';
import { formatInstantMicros, type Micros } from '../../domain/instant.js';
import type { Actor } from './actor.js';
import { NO_HASH, type ChainedEntry } from './audit-hash.js';

/** The texts of an entry; all are gone where it was erased. */
export interface AuditTexts {
  readonly subject: string | null;
  readonly reason: string | null;
  /** JSON, as it was hashed. */
  readonly before: string | null;
  readonly after: string | null;
}

/** An entry as it is kept. */
export interface AuditRow extends ChainedEntry, AuditTexts {
  /** Null where the texts were erased. */
  readonly salt: Buffer | null;
  readonly hash: Buffer;
}

/** The last entry of a chain. */
export interface AuditHead {
  readonly sequence: number;
  readonly hash: Buffer;
}

/** The time is read once the lock is there, so that it runs with the sequence. */
const LOCK = `
  WITH head AS MATERIALIZED (
    SELECT sequence, hash FROM audit_head WHERE tenant_id = $1 FOR UPDATE)
  SELECT sequence, hash, clock_timestamp() AS at,
         (SELECT name FROM api_key WHERE tenant_id = $1 AND key_id = $2) AS "actorName"
    FROM head`;

const BEGIN = `
  INSERT INTO audit_head (tenant_id, sequence, hash) VALUES ($1, 0, $2)
  ON CONFLICT (tenant_id) DO NOTHING`;

const INSERT = `
  WITH written AS (
    INSERT INTO audit_entry (tenant_id, sequence, at, actor_kind, actor_id, actor_name, action,
           subject, reason, before, after, salt, subject_digest, reason_digest, before_digest,
           after_digest, previous_hash, hash)
    SELECT $1::uuid, n.sequence, $2::timestamptz, $3, $4, $5, n.action, n.subject, n.reason,
           n.before::json, n.after::json, n.salt, n.subject_digest, n.reason_digest,
           n.before_digest, n.after_digest, n.previous_hash, n.hash
      FROM unnest($6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
                  $12::bytea[], $13::bytea[], $14::bytea[], $15::bytea[], $16::bytea[],
                  $17::bytea[], $18::bytea[])
           AS n (sequence, action, subject, reason, before, after, salt, subject_digest,
                 reason_digest, before_digest, after_digest, previous_hash, hash)
    RETURNING 1)
  UPDATE audit_head SET sequence = $19, hash = $20 WHERE tenant_id = $1`;

/** Locks the end of the tenant's chain until the transaction ends. */
export async function lockHead(
  tx: Transaction,
  tenantId: string,
  actor: Actor,
): Promise<AuditHead & { readonly at: Micros; readonly actorName: string | null }> {
  const keyId = actor.kind === 'api_key' ? actor.id : null;
  for (;;) {
    const [head] = await tx.query<AuditHead & { at: Micros; actorName: string | null }>(LOCK, [
      tenantId,
      keyId,
    ]);
    if (head !== undefined) return head;
    await tx.query(BEGIN, [tenantId, NO_HASH]);
  }
}

/** Appends entries of one actor and one instant, in the order of their sequence. */
export async function insertEntries(
  tx: Transaction,
  tenantId: string,
  rows: readonly AuditRow[],
): Promise<void> {
  const last = rows.at(-1);
  if (last === undefined) return;
  await tx.query(INSERT, [
    tenantId,
    formatInstantMicros(last.at),
    last.actorKind,
    last.actorId,
    last.actorName,
    rows.map((row) => row.sequence),
    rows.map((row) => row.action),
    rows.map((row) => row.subject),
    rows.map((row) => row.reason),
    rows.map((row) => row.before),
    rows.map((row) => row.after),
    rows.map((row) => row.salt),
    rows.map((row) => row.digests.subject),
    rows.map((row) => row.digests.reason),
    rows.map((row) => row.digests.before),
    rows.map((row) => row.digests.after),
    rows.map((row) => row.previousHash),
    rows.map((row) => row.hash),
    last.sequence,
    last.hash,
  ]);
}
