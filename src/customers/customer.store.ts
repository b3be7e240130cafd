import { keepPlan, type Queryable, type Transaction } from '../database/connections.js';
import type { Schedule, ScheduleTimeline } from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import { DEFAULT_TIMELINE, timelineOf, type ScheduleVersion } from './schedule-timeline.js';

/** What recording needs to know of a customer. */
export interface RecordedCustomer {
  readonly customerNo: number;
  readonly timeline: ScheduleTimeline;
}

interface IdentityRow {
  readonly identity: string;
  readonly customerNo: number;
}

interface IdentityVersionRow extends IdentityRow {
  /** Null where the customer has no schedule of its own. */
  readonly version: number | null;
  readonly effectiveFrom: Micros;
  readonly interval: Schedule['interval'];
  readonly intervalCount: number;
  readonly anchor: Micros;
  readonly timezone: string;
}

const BY_IDENTITY = keepPlan(`SELECT i.identity, i.customer_no AS "customerNo", s.version,
            s.effective_from AS "effectiveFrom", s."interval",
            s.interval_count AS "intervalCount", s.anchor, s.timezone
       FROM customer_identity i
       LEFT JOIN customer_schedule s
         ON s.tenant_id = i.tenant_id AND s.customer_no = i.customer_no
      WHERE i.tenant_id = $1 AND i.identity = ANY ($2::text[])
      ORDER BY s.version`);

/** The customers that go by these ids or aliases; identities that nobody goes by are left out. */
export async function customersByIdentity(
  db: Queryable,
  tenantId: string,
  identities: readonly string[],
): Promise<Map<string, RecordedCustomer>> {
  const rows = await db.query<IdentityVersionRow>(BY_IDENTITY, [tenantId, identities]);
  const versions = new Map<string, { customerNo: number; versions: ScheduleVersion[] }>();
  for (const { identity, customerNo, version, ...schedule } of rows) {
    const known = versions.get(identity) ?? { customerNo, versions: [] };
    if (version !== null) known.versions.push(schedule);
    versions.set(identity, known);
  }
  return new Map(
    [...versions].map(([identity, { customerNo, versions }]) => [
      identity,
      { customerNo, timeline: versions.length === 0 ? DEFAULT_TIMELINE : timelineOf(versions) },
    ]),
  );
}

/** SQL: tells a customer of tenant $1 from erased ones that went by its id. Behind the gate. */
export const ERASURES_BEFORE = `
  (SELECT count(*) FROM erasure x WHERE x.tenant_id = $1)`;

/**
 * Makes customers of ids that were first seen in usage events; ids may repeat.
 *
 * Rows are taken in one order by everyone, so that two who make the same ones wait and do not
 * deadlock. What another transaction made meanwhile is invisible to the INSERT that waited for it,
 * and is read by a statement of its own. Behind the gate, so that no alias can come in between.
 *
 * @returns The number of each id.
 */
export async function createCustomers(
  tx: Transaction,
  tenantId: string,
  ids: readonly string[],
): Promise<Map<string, number>> {
  const distinct = [...new Set(ids)];
  if (distinct.length === 0) return new Map();
  const made = await tx.query<IdentityRow>(
    `INSERT INTO customer (tenant_id, customer_id, erasures_before)
     SELECT $1::uuid, made.customer_id, ${ERASURES_BEFORE}
       FROM unnest($2::text[]) AS made (customer_id)
      ORDER BY made.customer_id COLLATE "C"
     ON CONFLICT (tenant_id, customer_id) DO NOTHING
     RETURNING customer_id AS identity, customer_no AS "customerNo"`,
    [tenantId, distinct],
  );
  const numbers = new Map(made.map((row) => [row.identity, row.customerNo]));
  if (made.length > 0) await insertIdentities(tx, tenantId, made);
  const others = distinct.filter((id) => !numbers.has(id));
  for (const row of await readNumbers(tx, tenantId, others)) {
    numbers.set(row.identity, row.customerNo);
  }
  return numbers;
}

/** @throws The violation of `customer_identity_pkey` where somebody else goes by one of them. */
export async function insertIdentities(
  tx: Transaction,
  tenantId: string,
  rows: readonly IdentityRow[],
): Promise<void> {
  await tx.query(
    `INSERT INTO customer_identity (tenant_id, identity, customer_no)
     SELECT $1::uuid, made.identity, made.customer_no
       FROM unnest($2::text[], $3::bigint[]) AS made (identity, customer_no)
      ORDER BY made.identity COLLATE "C"
     RETURNING 1`,
    [tenantId, rows.map((row) => row.identity), rows.map((row) => row.customerNo)],
  );
}

async function readNumbers(
  tx: Transaction,
  tenantId: string,
  ids: readonly string[],
): Promise<IdentityRow[]> {
  if (ids.length === 0) return [];
  return tx.query<IdentityRow>(
    `SELECT identity, customer_no AS "customerNo"
       FROM customer_identity
      WHERE tenant_id = $1 AND identity = ANY ($2::text[])`,
    [tenantId, ids],
  );
}
