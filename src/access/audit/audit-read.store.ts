import type { Queryable } from '../../database/connections.js';
import { formatInstantMicros, type Micros } from '../../domain/instant.js';
import type { AuditHead, AuditRow } from './audit.store.js';

type StoredRow = Omit<AuditRow, 'tenantId' | 'digests'> & {
  readonly subjectDigest: Buffer;
  readonly reasonDigest: Buffer;
  readonly beforeDigest: Buffer;
  readonly afterDigest: Buffer;
};

const COLUMNS = `
  sequence, at, actor_kind AS "actorKind", actor_id AS "actorId", actor_name AS "actorName", action,
  subject, reason, before::text AS before, after::text AS after, salt,
  subject_digest AS "subjectDigest", reason_digest AS "reasonDigest",
  before_digest AS "beforeDigest", after_digest AS "afterDigest",
  previous_hash AS "previousHash", hash`;

function rowOf(tenantId: string, stored: StoredRow): AuditRow {
  const { subjectDigest, reasonDigest, beforeDigest, afterDigest, ...row } = stored;
  const digests = {
    subject: subjectDigest,
    reason: reasonDigest,
    before: beforeDigest,
    after: afterDigest,
  };
  return { ...row, tenantId, digests };
}

/** Entries after one of them, up to another, in the order of the chain. */
export async function entriesBetween(
  db: Queryable,
  tenantId: string,
  range: { readonly after: number; readonly through: number; readonly limit: number },
): Promise<AuditRow[]> {
  const rows = await db.query<StoredRow>(
    `SELECT ${COLUMNS} FROM audit_entry
      WHERE tenant_id = $1 AND sequence > $2 AND sequence <= $3
      ORDER BY sequence LIMIT $4`,
    [tenantId, range.after, range.through, range.limit],
  );
  return rows.map((row) => rowOf(tenantId, row));
}

/** Which entries are asked for; absent: whatever it is. */
export interface AuditFilter {
  readonly action?: string | undefined;
  /** The id of a key or of who ran a command, or a kind of actor. */
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  /** From this instant, inclusive. */
  readonly from?: Micros | undefined;
  /** Before this instant. */
  readonly to?: Micros | undefined;
}

const LIST = (isNewestFirst: boolean): string => `
  SELECT ${COLUMNS} FROM audit_entry
   WHERE tenant_id = $1 AND ($2::text IS NULL OR action = $2)
     AND ($3::text IS NULL OR actor_id = $3 OR actor_kind = $3)
     AND ($4::text IS NULL OR subject = $4)
     AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
     AND ($7::bigint IS NULL OR sequence ${isNewestFirst ? '<' : '>'} $7)
   ORDER BY sequence ${isNewestFirst ? 'DESC' : 'ASC'}
   LIMIT $8`;
const NEWEST_FIRST = LIST(true);
const OLDEST_FIRST = LIST(false);

export async function listEntries(
  db: Queryable,
  tenantId: string,
  filter: AuditFilter,
  page: {
    readonly isNewestFirst: boolean;
    readonly after: number | undefined;
    readonly limit: number;
  },
): Promise<AuditRow[]> {
  const rows = await db.query<StoredRow>(page.isNewestFirst ? NEWEST_FIRST : OLDEST_FIRST, [
    tenantId,
    filter.action ?? null,
    filter.actor ?? null,
    filter.subject ?? null,
    instantOrNull(filter.from),
    instantOrNull(filter.to),
    page.after ?? null,
    page.limit,
  ]);
  return rows.map((row) => rowOf(tenantId, row));
}

const ABOUT = `
  SELECT ${COLUMNS} FROM audit_entry
   WHERE tenant_id = $1 AND subject = ANY ($2::text[]) AND sequence > $3
   ORDER BY sequence LIMIT $4`;

/** Entries about any of these subjects after one of the chain, in its order. */
export async function entriesAbout(
  db: Queryable,
  tenantId: string,
  subjects: readonly string[],
  range: { readonly after: number; readonly limit: number },
): Promise<AuditRow[]> {
  const parameters = [tenantId, subjects, range.after, range.limit];
  return (await db.query<StoredRow>(ABOUT, parameters)).map((row) => rowOf(tenantId, row));
}

function instantOrNull(instant: Micros | undefined): string | null {
  return instant === undefined ? null : formatInstantMicros(instant);
}

/** Where a chain ends by its head, and by its entries, seen at one instant. */
export interface ChainEnd {
  /** Nothing where nothing was ever noted, or somebody removed it. */
  readonly head: AuditHead | undefined;
  /** The highest sequence that there is; 0: none. */
  readonly last: number;
}

export async function chainEnd(db: Queryable, tenantId: string): Promise<ChainEnd> {
  const [row] = await db.query<{ sequence: number | null; hash: Buffer | null; last: number }>(
    `SELECT h.sequence, h.hash,
            (SELECT coalesce(max(e.sequence), 0) FROM audit_entry e WHERE e.tenant_id = $1) AS last
       FROM (SELECT $1::uuid AS tenant_id) t
       LEFT JOIN audit_head h ON h.tenant_id = t.tenant_id`,
    [tenantId],
  );
  const { sequence, hash, last } = row!;
  return { head: sequence === null || hash === null ? undefined : { sequence, hash }, last };
}

/** Whether any entry of the tenant has this hash. */
export async function isHashKnown(db: Queryable, tenantId: string, hash: Buffer): Promise<boolean> {
  const rows = await db.query(
    'SELECT FROM audit_entry WHERE tenant_id = $1 AND hash = $2 LIMIT 1',
    [tenantId, hash],
  );
  return rows.length > 0;
}

/** A tenant, and about how many entries its chain has. */
export interface AuditedTenant {
  readonly tenantId: string;
  readonly name: string;
  readonly entries: number;
}

export async function tenantsOf(db: Queryable): Promise<AuditedTenant[]> {
  return db.query<AuditedTenant>(
    `SELECT t.tenant_id AS "tenantId", t.name, coalesce(h.sequence, 0) AS entries
       FROM tenant t
       LEFT JOIN audit_head h ON h.tenant_id = t.tenant_id
      ORDER BY t.tenant_no`,
  );
}
