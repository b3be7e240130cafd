import type { Queryable } from '../database/connections.js';
import { isStorableText } from '../domain/text.js';
import { Problem } from '../problem/problem.js';
import { customersByIdentity, type RecordedCustomer } from './customer.store.js';

/** @throws Problem `customer_not_found` where nobody goes by this id or alias. */
export async function requireCustomer(
  db: Queryable,
  tenantId: string,
  identity: string,
): Promise<RecordedCustomer> {
  // A NUL or a lone surrogate never got into the table, and would be an error of the database's.
  const customer = isStorableText(identity)
    ? (await customersByIdentity(db, tenantId, [identity])).get(identity)
    : undefined;
  if (customer === undefined) {
    throw new Problem('customer_not_found', 'no customer has this id or alias');
  }
  return customer;
}
