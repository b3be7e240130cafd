import type { Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { eventKey } from '../domain/event-key.js';
import { eventsWithKeys } from '../ledger/event-rows.js';

/** The keys of all usage events that a JSON document names. */
export function eventKeysIn(document: unknown): string[] {
  if (Array.isArray(document)) return document.flatMap(eventKeysIn);
  if (typeof document !== 'object' || document === null) return [];
  const { usage_event_id: id, usage_event_ids: ids, source } = document as Record<string, unknown>;
  const named = [id, ids].flat().filter((each) => typeof each === 'string');
  const by = typeof source === 'string' ? source : '';
  return [
    ...named.map((each) => eventKey(by, each)),
    ...Object.values(document).flatMap(eventKeysIn),
  ];
}

/** Those that are keys of the customer's events. */
export async function ownKeys(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  eventKeys: readonly string[],
): Promise<Set<string>> {
  if (eventKeys.length === 0) return new Set();
  const rows = await tx.query<{ key: string }>(
    `SELECT event_key AS key FROM ${eventsWithKeys('$2::uuid[]')} e WHERE customer_no = $3`,
    [tenantId, plainArray(eventKeys), customerNo],
  );
  return new Set(rows.map(({ key }) => key));
}
