import { violatedConstraint, type Transaction } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { formatInstantMicros } from '../domain/instant.js';
import { Problem } from '../problem/problem.js';
import type { ChangedCustomer } from './customer-register.js';
import { ERASURES_BEFORE, insertIdentities } from './customer.store.js';

interface NumberedCustomer extends ChangedCustomer {
  readonly customerNo: number;
}

/**
 * Writes changed customers, any number in seven statements. Only behind the closed gate.
 *
 * What is given up goes first, so that another of the customers may take it.
 *
 * @returns The same customers with their numbers.
 */
export async function writeCustomers(
  tx: Transaction,
  tenantId: string,
  customers: readonly ChangedCustomer[],
  { gateVersion }: GateState,
): Promise<NumberedCustomer[]> {
  try {
    const { made, kept } = parted(customers);
    await giveUp(tx, tenantId, kept);
    await update(tx, tenantId, kept, gateVersion);
    const numbered = [...kept, ...(await insert(tx, tenantId, made))];
    await addIdentities(tx, tenantId, numbered);
    await appendVersions(tx, tenantId, numbered);
    return numbered;
  } catch (error) {
    throw takenProblem(error) ?? error;
  }
}

function parted(customers: readonly ChangedCustomer[]): {
  made: ChangedCustomer[];
  kept: NumberedCustomer[];
} {
  return {
    made: customers.filter((customer) => customer.before === undefined),
    kept: customers.flatMap((customer) =>
      customer.before === undefined
        ? []
        : [{ ...customer, customerNo: customer.before.customerNo }],
    ),
  };
}

async function giveUp(
  tx: Transaction,
  tenantId: string,
  kept: readonly NumberedCustomer[],
): Promise<void> {
  const remapped = kept.filter(
    (customer) => isRemapped(customer) && customer.before!.stripeCustomerId !== null,
  );
  if (remapped.length > 0) {
    await tx.query(
      `UPDATE customer SET stripe_customer_id = NULL
        WHERE tenant_id = $1 AND customer_no = ANY ($2::bigint[])`,
      [tenantId, remapped.map((customer) => customer.customerNo)],
    );
  }
  const removed = kept.flatMap(({ before, settings }) =>
    before!.aliases.filter((alias) => !settings.aliases.includes(alias)),
  );
  if (removed.length === 0) return;
  await tx.query(
    'DELETE FROM customer_identity WHERE tenant_id = $1 AND identity = ANY ($2::text[])',
    [tenantId, removed],
  );
}

async function update(
  tx: Transaction,
  tenantId: string,
  kept: readonly NumberedCustomer[],
  gateVersion: number,
): Promise<void> {
  if (kept.length === 0) return;
  await tx.query(
    `UPDATE customer c
        SET name = n.name, stripe_customer_id = n.stripe_customer_id,
            mapping_from = n.mapping_from, push = n.push,
            mapping_version = CASE WHEN n.remapped THEN $8 ELSE c.mapping_version END
       FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
            AS n (customer_no, name, stripe_customer_id, mapping_from, push, remapped)
      WHERE c.tenant_id = $1 AND c.customer_no = n.customer_no`,
    [
      tenantId,
      kept.map((customer) => customer.customerNo),
      kept.map((customer) => customer.settings.name),
      kept.map((customer) => customer.settings.stripeCustomerId),
      kept.map((customer) => customer.settings.mappingFrom),
      kept.map((customer) => customer.settings.push),
      kept.map(isRemapped),
      gateVersion,
    ],
  );
}

function isRemapped({ before, settings }: ChangedCustomer): boolean {
  return before !== undefined && before.stripeCustomerId !== settings.stripeCustomerId;
}

async function insert(
  tx: Transaction,
  tenantId: string,
  made: readonly ChangedCustomer[],
): Promise<NumberedCustomer[]> {
  if (made.length === 0) return [];
  const rows = await tx.query<{ customerId: string; customerNo: number }>(
    `INSERT INTO customer (tenant_id, customer_id, name, stripe_customer_id, push, erasures_before)
     SELECT $1::uuid, n.customer_id, n.name, n.stripe_customer_id, n.push, ${ERASURES_BEFORE}
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
            AS n (customer_id, name, stripe_customer_id, push)
      ORDER BY n.customer_id COLLATE "C"
     RETURNING customer_id AS "customerId", customer_no AS "customerNo"`,
    [
      tenantId,
      made.map((customer) => customer.customerId),
      made.map((customer) => customer.settings.name),
      made.map((customer) => customer.settings.stripeCustomerId),
      made.map((customer) => customer.settings.push),
    ],
  );
  const numbers = new Map(rows.map((row) => [row.customerId, row.customerNo]));
  return made.map((customer) => ({
    ...customer,
    customerNo: numbers.get(customer.customerId)!,
  }));
}

async function addIdentities(
  tx: Transaction,
  tenantId: string,
  customers: readonly NumberedCustomer[],
): Promise<void> {
  const added = customers.flatMap(({ customerId, customerNo, before, settings }) => {
    const known = before === undefined ? [] : [customerId, ...before.aliases];
    return [customerId, ...settings.aliases]
      .filter((identity) => !known.includes(identity))
      .map((identity) => ({ identity, customerNo }));
  });
  if (added.length > 0) await insertIdentities(tx, tenantId, added);
}

async function appendVersions(
  tx: Transaction,
  tenantId: string,
  customers: readonly NumberedCustomer[],
): Promise<void> {
  const rows = customers.flatMap(({ customerNo, before, versions }) =>
    versions.map((version, index) => ({
      ...version,
      customerNo,
      version: (before?.scheduleVersions ?? 0) + index + 1,
    })),
  );
  if (rows.length === 0) return;
  await tx.query(
    `INSERT INTO customer_schedule (tenant_id, customer_no, version, effective_from, "interval",
            interval_count, anchor, timezone)
     SELECT $1::uuid, n.*
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::text[], $6::integer[],
            $7::timestamptz[], $8::text[]) AS n
     RETURNING 1`,
    [
      tenantId,
      rows.map((row) => row.customerNo),
      rows.map((row) => row.version),
      rows.map((row) => formatInstantMicros(row.effectiveFrom)),
      rows.map((row) => row.interval),
      rows.map((row) => row.intervalCount),
      rows.map((row) => formatInstantMicros(row.anchor)),
      rows.map((row) => row.timezone),
    ],
  );
}

/** The register has refused it already; the constraints hold where somebody wrote past it. */
function takenProblem(error: unknown): Problem | undefined {
  switch (violatedConstraint(error)) {
    case 'customer_stripe_customer_id_key':
      return new Problem('stripe_customer_id_in_use', 'another customer has it', { cause: error });
    case 'customer_identity_pkey':
    case 'customer_customer_id_key':
      return new Problem('customer_identity_in_use', 'another customer goes by it', {
        cause: error,
      });
    default:
      return undefined;
  }
}
