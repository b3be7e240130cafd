import { AsyncLocalStorage } from 'node:async_hooks';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const scope = new AsyncLocalStorage<string>();

/**
 * Runs `work` as work of one tenant: to whatever statement it sends, the rows of other tenants are not
 * there. The second wall behind each statement's own `tenant_id = $1`.
 *
 * Who calls a route is set here before its handler runs, and cannot be changed from inside.
 *
 * @throws Error inside the work of another tenant.
 */
export function withinTenant<T>(tenantId: string, work: () => T): T {
  const outer = scope.getStore();
  if (outer === tenantId) return work();
  if (outer !== undefined) throw new Error('work of one tenant reaches for another');
  // It becomes part of a statement's text, as SET takes no parameters.
  if (!UUID.test(tenantId)) throw new Error('the id of a tenant is a UUID in lower case');
  return scope.run(tenantId, work);
}

/** The tenant whose work this is; none where it looks across tenants. */
export function tenantInScope(): string | undefined {
  return scope.getStore();
}
