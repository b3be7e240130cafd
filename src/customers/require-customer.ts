import type { Queryable } from '../database/connections.js';
import { Problem } from '../problem/problem.js';
import { customersByIdentity, type RecordedCustomer } from './customer.store.js';

/** @throws Problem `customer_not_found` where nobody goes by this id or alias. */
export async function requireCustomer(
  db: Queryable,
  tenantId: string,
  identity: string,
): Promise<RecordedCustomer> {
  const customer = (await customersByIdentity(db, tenantId, [identity])).get(identity);
  if (customer === undefined) {
    throw new Problem('customer_not_found', 'no customer has this id or alias');
  }
  return customer;
}
