import type { Queryable } from '../database/connections.js';
import type { ScheduleTimeline } from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import type { MappingChange } from '../domain/mapping-change.js';
import type { PushMode } from '../domain/meter.js';
import { timelineOf, type ScheduleVersion } from './schedule-timeline.js';

/** A customer as the tenant sees it. */
export interface CustomerRecord {
  readonly customerNo: number;
  readonly customerId: string;
  readonly name: string | null;
  /** Sorted, without its id. */
  readonly aliases: readonly string[];
  readonly stripeCustomerId: string | null;
  /** What was said when `stripeCustomerId` last changed. */
  readonly mappingFrom: MappingChange | null;
  /** Null: as the meter says. */
  readonly push: PushMode | null;
  readonly timeline: ScheduleTimeline;
  /** How many versions its schedule has had. */
  readonly scheduleVersions: number;
  readonly createdAt: Micros;
}

type CustomerRow = Omit<CustomerRecord, 'timeline' | 'scheduleVersions'>;

const COLUMNS = `
       c.customer_no AS "customerNo", c.customer_id AS "customerId", c.name,
       ARRAY(SELECT i.identity FROM customer_identity i
              WHERE i.tenant_id = $1 AND i.customer_no = c.customer_no
                AND i.identity <> c.customer_id
              ORDER BY i.identity) AS aliases,
       c.stripe_customer_id AS "stripeCustomerId", c.mapping_from AS "mappingFrom", c.push,
       c.created_at AS "createdAt"`;

/** By their ids alone, not by aliases. */
export async function customersById(
  db: Queryable,
  tenantId: string,
  customerIds: readonly string[],
): Promise<CustomerRecord[]> {
  const rows = await db.query<CustomerRow>(
    `SELECT ${COLUMNS} FROM customer c WHERE c.tenant_id = $1 AND c.customer_id = ANY ($2::text[])`,
    [tenantId, customerIds],
  );
  return withTimelines(db, tenantId, rows);
}

/** By its id or one of its aliases. */
export async function customerByIdentity(
  db: Queryable,
  tenantId: string,
  identity: string,
): Promise<CustomerRecord | undefined> {
  const rows = await db.query<CustomerRow>(
    `SELECT ${COLUMNS}
       FROM customer_identity own
       JOIN customer c ON c.tenant_id = $1 AND c.customer_no = own.customer_no
      WHERE own.tenant_id = $1 AND own.identity = $2`,
    [tenantId, identity],
  );
  const [customer] = await withTimelines(db, tenantId, rows);
  return customer;
}

/** Customers in the order of their ids, which follow `after`; with or without a Stripe customer. */
export async function customersAfter(
  db: Queryable,
  tenantId: string,
  query: {
    readonly after: string;
    readonly limit: number;
    readonly isMapped: boolean | undefined;
  },
): Promise<CustomerRecord[]> {
  const rows = await db.query<CustomerRow>(
    `SELECT ${COLUMNS}
       FROM customer c
      WHERE c.tenant_id = $1 AND c.customer_id > $2
        AND ($3::boolean IS NULL OR (c.stripe_customer_id IS NOT NULL) = $3)
      ORDER BY c.customer_id
      LIMIT $4`,
    [tenantId, query.after, query.isMapped ?? null, query.limit],
  );
  return withTimelines(db, tenantId, rows);
}

/** Which customer goes by an identity: customer_id by identity. */
export async function identityOwners(
  db: Queryable,
  tenantId: string,
  identities: readonly string[],
): Promise<Map<string, string>> {
  const rows = await db.query<{ identity: string; customerId: string }>(
    `SELECT i.identity, c.customer_id AS "customerId"
       FROM customer_identity i
       JOIN customer c ON c.tenant_id = $1 AND c.customer_no = i.customer_no
      WHERE i.tenant_id = $1 AND i.identity = ANY ($2::text[])`,
    [tenantId, identities],
  );
  return new Map(rows.map((row) => [row.identity, row.customerId]));
}

/** Which customer has a Stripe customer: customer_id by stripe_customer_id. */
export async function stripeCustomerOwners(
  db: Queryable,
  tenantId: string,
  stripeCustomerIds: readonly string[],
): Promise<Map<string, string>> {
  const rows = await db.query<{ stripeCustomerId: string; customerId: string }>(
    `SELECT stripe_customer_id AS "stripeCustomerId", customer_id AS "customerId"
       FROM customer
      WHERE tenant_id = $1 AND stripe_customer_id = ANY ($2::text[])`,
    [tenantId, stripeCustomerIds],
  );
  return new Map(rows.map((row) => [row.stripeCustomerId, row.customerId]));
}

async function withTimelines(
  db: Queryable,
  tenantId: string,
  rows: readonly CustomerRow[],
): Promise<CustomerRecord[]> {
  if (rows.length === 0) return [];
  const versions = await db.query<ScheduleVersion & { customerNo: number }>(
    `SELECT customer_no AS "customerNo", effective_from AS "effectiveFrom", "interval",
            interval_count AS "intervalCount", anchor, timezone
       FROM customer_schedule
      WHERE tenant_id = $1 AND customer_no = ANY ($2::bigint[])
      ORDER BY customer_no, version`,
    [tenantId, rows.map((row) => row.customerNo)],
  );
  const byCustomer = new Map<number, ScheduleVersion[]>(rows.map((row) => [row.customerNo, []]));
  for (const { customerNo, ...version } of versions) byCustomer.get(customerNo)!.push(version);
  return rows.map((row) => {
    const own = byCustomer.get(row.customerNo)!;
    return { ...row, timeline: timelineOf(own), scheduleVersions: own.length };
  });
}
