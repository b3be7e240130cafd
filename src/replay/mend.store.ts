import type { Transaction } from '../database/connections.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';
import { REBUILD, REBUILD_MEMBERS, TOTAL_KEY } from './rebuild.sql.js';

/**
 * Puts what the ledger gives in place of the totals that differ, and remembers what it replaced.
 *
 * Recorders may be at work meanwhile: one statement sees their entries and their deltas, or neither,
 * and deltas that it does not see stay. Folds and whoever rewrites totals are kept out by the caller
 * (the gate, shared or closed, and `holdFolds`).
 *
 * @returns How many totals were changed.
 */
export async function mendTotals(
  tx: Transaction,
  tenantId: string,
  replayId: string,
  keys: readonly PeriodKey[],
): Promise<number> {
  return count(tx, MEND_TOTALS, tenantId, replayId, keys);
}

/** Adds to the sets behind unique_count what the ledger has and they lack. */
export async function addMembers(
  tx: Transaction,
  tenantId: string,
  replayId: string,
  keys: readonly PeriodKey[],
): Promise<number> {
  return count(tx, ADD_MEMBERS, tenantId, replayId, keys);
}

/**
 * Takes out of the sets what the ledger knows nothing of. Only behind the closed gate: a recorder
 * that meets a member which is there already adds none of its own.
 */
export async function removeMembers(
  tx: Transaction,
  tenantId: string,
  replayId: string,
  keys: readonly PeriodKey[],
): Promise<number> {
  return count(tx, REMOVE_MEMBERS, tenantId, replayId, keys);
}

async function count(
  tx: Transaction,
  sql: string,
  tenantId: string,
  replayId: string,
  keys: readonly PeriodKey[],
): Promise<number> {
  const parameters = [tenantId, ...periodKeyArrays(keys), replayId];
  const [row] = await tx.query<{ changes: number }>(sql, parameters);
  return row!.changes;
}

/** That a row `x` of differences is about the row `u` of totals or deltas. */
const SAME_TOTAL = `
  u.tenant_id = $1 AND u.customer_no = x.customer_no AND u.meter_no = x.meter_no
  AND u.period_start = x.period_start AND u.origin_start = x.origin_start
  AND u.revision = x.revision AND u.billable = x.billable AND u.bucket = x.bucket
  AND u.dimensions = x.dimensions`;

const MEND_TOTALS = `
  ${REBUILD},
  gone_delta AS (DELETE FROM usage_delta u USING difference x WHERE ${SAME_TOTAL}),
  gone_total AS (
    DELETE FROM usage_total u USING difference x WHERE ${SAME_TOTAL} AND x.ledger_value IS NULL),
  written AS (
    INSERT INTO usage_total (tenant_id, ${TOTAL_KEY}, quantity_sum, quantity_max, entry_count,
           last_quantity, last_at, last_key, digest)
    SELECT $1, ${TOTAL_KEY}, quantity_sum, quantity_max, entry_count, last_quantity, last_at,
           last_key, digest
      FROM difference WHERE ledger_value IS NOT NULL
     ORDER BY ${TOTAL_KEY}
        ON CONFLICT ON CONSTRAINT usage_total_pkey DO UPDATE
       SET quantity_sum = excluded.quantity_sum, quantity_max = excluded.quantity_max,
           entry_count = excluded.entry_count, last_quantity = excluded.last_quantity,
           last_at = excluded.last_at, last_key = excluded.last_key, digest = excluded.digest),
  changed AS (
    INSERT INTO replay_change (tenant_id, replay_id, ${TOTAL_KEY}, before, after)
    SELECT $1, $5, ${TOTAL_KEY}, stored_value, ledger_value FROM difference
     ORDER BY ${TOTAL_KEY}
    RETURNING 1)
  SELECT count(*) AS changes FROM changed`;

const MEMBER = `customer_no, meter_no, period_start, revision, billable, bucket, dimensions, unique_key`;

const ADD_MEMBERS = `
  ${REBUILD_MEMBERS},
  added AS (
    INSERT INTO usage_unique (tenant_id, ${MEMBER})
    SELECT $1, ${MEMBER} FROM member_difference WHERE side = 'ledger' ORDER BY ${MEMBER}
        ON CONFLICT DO NOTHING
    RETURNING ${MEMBER}),
  changed AS (
    INSERT INTO replay_change (tenant_id, replay_id, ${MEMBER}, before, after)
    SELECT $1, $5, ${MEMBER}, NULL, '{}' FROM added ORDER BY ${MEMBER}
    RETURNING 1)
  SELECT count(*) AS changes FROM changed`;

const REMOVE_MEMBERS = `
  ${REBUILD_MEMBERS},
  removed AS (
    DELETE FROM usage_unique u USING member_difference x
     WHERE x.side = 'stored' AND u.tenant_id = $1 AND u.customer_no = x.customer_no
       AND u.meter_no = x.meter_no AND u.period_start = x.period_start
       AND u.revision = x.revision AND u.billable = x.billable AND u.bucket = x.bucket
       AND u.dimensions = x.dimensions AND u.unique_key = x.unique_key
    RETURNING u.*),
  changed AS (
    INSERT INTO replay_change (tenant_id, replay_id, ${MEMBER}, before, after)
    SELECT $1, $5, ${MEMBER}, '{}', NULL FROM removed ORDER BY ${MEMBER}
    RETURNING 1)
  SELECT count(*) AS changes FROM changed`;
