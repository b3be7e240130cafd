import type { Transaction } from '../../src/database/connections.js';
import { MICROS_PER_MILLISECOND } from '../../src/domain/instant.js';
import { takeKeys } from '../../src/ledger/registry.store.js';
import type { NaiveEvent, NaiveWays } from './naive-store.js';
import { QUEUE_DELTAS } from './polled-totals.js';
import type { VariantName } from './variants.js';

/** In one order for everybody, as the product does. */
const sorted: NaiveWays = {
  takeKeys: (tx, tenantId, batch) =>
    takeKeys(
      tx,
      tenantId,
      batch.map(({ eventKey }) => eventKey),
      batch.map(({ fingerprint }) => fingerprint),
      Date.now() * MICROS_PER_MILLISECOND,
    ),
};

/** What each variant does in another way. */
export const WAYS: Readonly<Record<VariantName, NaiveWays>> = {
  'polling-sequence': {
    ...sorted,
    beforeCommit: async (tx) => void (await tx.query(QUEUE_DELTAS)),
  },
  'unsorted-batches': { takeKeys: takeAsSent },
  'answer-before-commit': { ...sorted, answersEarly: true },
  'asynchronous-commit': { ...sorted, setting: '-c synchronous_commit=off' },
  'fail-open': sorted,
};

/** One after the other, as the client happened to send them. */
async function takeAsSent(
  tx: Transaction,
  tenantId: string,
  batch: readonly NaiveEvent[],
): Promise<Set<string>> {
  const taken = new Set<string>();
  for (const { eventKey, fingerprint } of batch) {
    const rows = await tx.query(
      `INSERT INTO usage_event_key (tenant_id, event_key, fingerprint, received_at)
       VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING 1`,
      [tenantId, eventKey, fingerprint],
    );
    if (rows.length > 0) taken.add(eventKey);
  }
  return taken;
}
