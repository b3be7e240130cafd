import { audit } from '../access/audit/audit.js';
import type { Transaction } from '../database/connections.js';
import { formatInstant } from '../domain/instant.js';
import type { CloseScope } from './close-request.store.js';

/** A close that was requested in the transaction. */
export interface RequestedClose extends CloseScope {
  readonly id: string;
  readonly due: number;
}

const CUSTOMERS = `
  SELECT customer_no AS no, customer_id AS name FROM customer
   WHERE tenant_id = $1 AND customer_no = ANY ($2::bigint[])`;
const METERS = `
  SELECT meter_no AS no, key AS name FROM meter
   WHERE tenant_id = $1 AND meter_no = ANY ($2::integer[])`;

/** Notes closes, one entry each, however many periods they close. */
export async function auditCloses(
  tx: Transaction,
  tenantId: string,
  closes: readonly RequestedClose[],
): Promise<void> {
  const customerNos = closes.map(({ customerNo }) => customerNo);
  const meterNos = closes.map(({ meterNo }) => meterNo);
  const customers = await namesOf(tx, CUSTOMERS, tenantId, customerNos);
  const meters = await namesOf(tx, METERS, tenantId, meterNos);
  await audit(
    tx,
    tenantId,
    closes.map(({ id, asOf, customerNo, meterNo, byClock, due }) => ({
      action: 'period.closed',
      subject: `period_close:${id}`,
      after: {
        as_of: formatInstant(asOf),
        customer_id: customers.get(customerNo) ?? null,
        meter: meters.get(meterNo) ?? null,
        by_clock: byClock,
        due,
      },
    })),
  );
}

/** 0 stands for all of them and has no name. */
async function namesOf(
  tx: Transaction,
  sql: string,
  tenantId: string,
  numbers: readonly number[],
): Promise<Map<number, string>> {
  const named = [...new Set(numbers)].filter((no) => no !== 0);
  if (named.length === 0) return new Map();
  const rows = await tx.query<{ no: number; name: string }>(sql, [tenantId, named]);
  return new Map(rows.map(({ no, name }) => [no, name]));
}
