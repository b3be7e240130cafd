import { parsePage, type PagedList, type PageRequest } from '../database/page.js';

const LANES: PagedList = { name: 'reconciliation-lanes', key: ['integer'] };

/** Which page of the lanes of a reconciliation is asked for. */
export function lanePage(
  reconciliationId: string,
  query: { readonly cursor?: string; readonly limit?: string },
): PageRequest {
  // PostgreSQL takes it in either case.
  return parsePage(LANES, query, [reconciliationId.toLowerCase()]);
}
