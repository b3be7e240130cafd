import type { Transaction } from '../database/connections.js';
import { TOTAL_KEY } from './rebuild.sql.js';

/** What a step of taking changes back did. */
export interface Reverted {
  /** The last change looked at; none where there are no more. */
  readonly last: number | undefined;
  readonly changes: number;
}

/**
 * Puts back what an apply replaced, a number of changes at a time. What was recorded since then
 * stays: it is added to what is put back. Only behind the closed gate, with folds held.
 *
 * @param replayId The apply.
 */
export async function revertChanges(
  tx: Transaction,
  tenantId: string,
  replayId: string,
  after: number,
  limit: number,
): Promise<Reverted> {
  const parameters = [tenantId, replayId, after, limit];
  const [chunk] = await tx.query<{ last: number | null }>(
    `SELECT max(change_no) AS last FROM (${CHUNK}) c`,
    parameters,
  );
  if (chunk?.last == null) return { last: undefined, changes: 0 };
  let changes = 0;
  for (const statement of [REVERT_TOTALS, PUT_BACK_MEMBERS, TAKE_OUT_MEMBERS]) {
    const [done] = await tx.query<{ changes: number }>(statement, parameters);
    changes += done!.changes;
  }
  return { last: chunk.last, changes };
}

const CHUNK = `
  SELECT * FROM replay_change
   WHERE tenant_id = $1 AND replay_id = $2 AND change_no > $3
   ORDER BY change_no LIMIT $4`;

const SAME_TOTAL = `
  u.tenant_id = $1 AND u.customer_no = c.customer_no AND u.meter_no = c.meter_no
  AND u.period_start = c.period_start AND u.origin_start = c.origin_start
  AND u.revision = c.revision AND u.billable = c.billable AND u.bucket = c.bucket
  AND u.dimensions = c.dimensions`;

const number = (side: string, name: string): string => `(c.${side} ->> '${name}')::numeric`;
const added = (name: string): string =>
  `coalesce(${number('before', name)}, 0) + coalesce(n.${name}, 0) - coalesce(${number('after', name)}, 0)`;

/** Whether the last value is still the one that the apply set. */
const IS_AS_SET = `
  (n.last_at, n.last_key) IS NOT DISTINCT FROM
  ((c.after ->> 'last_at')::timestamptz, (c.after ->> 'last_key')::uuid)`;

const lastOf = (name: string, type: string): string => `
  CASE WHEN c.before IS NOT NULL AND (${IS_AS_SET} OR n.last_at IS NULL
              OR (c.before ->> 'last_at')::timestamptz > n.last_at)
       THEN (c.before ->> '${name}')::${type} ELSE n.${name} END`;

/**
 * Sums and counts go back by what the apply changed them by. Of the largest and the last, which do
 * not add up, the one from before counts again unless something newer has exceeded it. A row that
 * there was not goes, unless something came to it.
 */
const REVERT_TOTALS = `
  WITH c AS MATERIALIZED (SELECT * FROM (${CHUNK}) c WHERE c.unique_key IS NULL),
  now AS MATERIALIZED (
    SELECT c.change_no, sum(u.quantity_sum) AS quantity_sum, max(u.quantity_max) AS quantity_max,
           sum(u.entry_count) AS entry_count, sum(u.digest) AS digest,
           (array_agg(u.last_quantity ORDER BY u.last_at DESC NULLS LAST, u.last_key DESC))[1]
             AS last_quantity,
           max(u.last_at) AS last_at,
           (array_agg(u.last_key ORDER BY u.last_at DESC NULLS LAST, u.last_key DESC))[1] AS last_key
      FROM c JOIN (SELECT * FROM usage_total WHERE tenant_id = $1
                    UNION ALL
                   SELECT * FROM usage_delta WHERE tenant_id = $1) u ON ${SAME_TOTAL}
     GROUP BY c.change_no),
  target AS MATERIALIZED (
    SELECT c.*, ${added('quantity_sum')} AS quantity_sum, ${added('entry_count')} AS entry_count,
           ${added('digest')} AS digest,
           CASE WHEN n.quantity_max IS NOT DISTINCT FROM ${number('after', 'quantity_max')}
                  AND c.before IS NOT NULL
                THEN ${number('before', 'quantity_max')}
                ELSE greatest(n.quantity_max, ${number('before', 'quantity_max')}) END
             AS quantity_max,
           ${lastOf('last_quantity', 'numeric')} AS last_quantity,
           ${lastOf('last_at', 'timestamptz')} AS last_at,
           ${lastOf('last_key', 'uuid')} AS last_key
      FROM c LEFT JOIN now n USING (change_no)
     -- A total that is gone went with its period, into another.
     WHERE c.after IS NULL OR n.change_no IS NOT NULL),
  gone_delta AS (DELETE FROM usage_delta u USING target c WHERE ${SAME_TOTAL}),
  gone_total AS (
    DELETE FROM usage_total u USING target c
     WHERE ${SAME_TOTAL} AND c.before IS NULL AND c.entry_count = 0),
  written AS (
    INSERT INTO usage_total (tenant_id, ${TOTAL_KEY}, quantity_sum, quantity_max, entry_count,
           last_quantity, last_at, last_key, digest)
    SELECT $1, ${TOTAL_KEY}, quantity_sum, quantity_max, entry_count, last_quantity, last_at,
           last_key, digest
      FROM target c WHERE NOT (c.before IS NULL AND c.entry_count = 0)
     ORDER BY ${TOTAL_KEY}
        ON CONFLICT ON CONSTRAINT usage_total_pkey DO UPDATE
       SET quantity_sum = excluded.quantity_sum, quantity_max = excluded.quantity_max,
           entry_count = excluded.entry_count, last_quantity = excluded.last_quantity,
           last_at = excluded.last_at, last_key = excluded.last_key, digest = excluded.digest)
  SELECT count(*) AS changes FROM target`;

const MEMBER = `customer_no, meter_no, period_start, revision, billable, bucket, dimensions, unique_key`;

const PUT_BACK_MEMBERS = `
  WITH put AS (
    INSERT INTO usage_unique (tenant_id, ${MEMBER})
    SELECT $1, ${MEMBER} FROM (${CHUNK}) c
     WHERE c.unique_key IS NOT NULL AND c.after IS NULL ORDER BY ${MEMBER}
        ON CONFLICT DO NOTHING
    RETURNING 1)
  SELECT count(*) AS changes FROM put`;

const TAKE_OUT_MEMBERS = `
  WITH taken AS (
    DELETE FROM usage_unique u USING (${CHUNK}) c
     WHERE c.unique_key IS NOT NULL AND c.before IS NULL AND u.tenant_id = $1
       AND u.customer_no = c.customer_no AND u.meter_no = c.meter_no
       AND u.period_start = c.period_start AND u.revision = c.revision
       AND u.billable = c.billable AND u.bucket = c.bucket AND u.dimensions = c.dimensions
       AND u.unique_key = c.unique_key
    RETURNING 1)
  SELECT count(*) AS changes FROM taken`;
