import type { Connections, Transaction } from '../database/connections.js';

const FOLD_NAMESPACE = 1_131_376_462;
const DELTAS_PER_FOLD_MAX = 20_000;

/** Keeps folds out until the end of the transaction. To be taken before anything is read of totals. */
export async function holdFolds(tx: Transaction, tenantId: string): Promise<void> {
  await tx.query(
    `SELECT pg_advisory_xact_lock(${FOLD_NAMESPACE}, tenant_no) FROM tenant WHERE tenant_id = $1`,
    [tenantId],
  );
}

/**
 * Folds a tenant's deltas into its totals, one worker at a time. A reader sees either the deltas
 * or what became of them, since both change in one statement.
 *
 * @returns How many deltas were folded; as many as asked for means that there may be more.
 */
export async function foldDeltas(connections: Connections, tenantId: string): Promise<number> {
  return connections.transaction(async (tx) => {
    const [lock] = await tx.query<{ held: boolean }>(
      `SELECT pg_try_advisory_xact_lock(${FOLD_NAMESPACE}, tenant_no) AS held
         FROM tenant WHERE tenant_id = $1`,
      [tenantId],
    );
    if (lock?.held !== true) return 0;
    const [folded] = await tx.query<{ deltas: number }>(FOLD, [tenantId, DELTAS_PER_FOLD_MAX]);
    return folded?.deltas ?? 0;
  });
}

/** Folds whatever there is. */
export async function foldAll(connections: Connections, tenantId: string): Promise<number> {
  let total = 0;
  for (;;) {
    const folded = await foldDeltas(connections, tenantId);
    total += folded;
    if (folded < DELTAS_PER_FOLD_MAX) return total;
  }
}

export async function tenantsWithDeltas(connections: Connections): Promise<string[]> {
  const rows = await connections.query<{ tenant_id: string }>(
    `SELECT tenant_id FROM tenant t
      WHERE EXISTS (SELECT FROM usage_delta d WHERE d.tenant_id = t.tenant_id)`,
  );
  return rows.map((row) => row.tenant_id);
}

const FOLD = `
  WITH folded AS (
    DELETE FROM usage_delta
     WHERE tenant_id = $1
       AND ctid = ANY (ARRAY(SELECT ctid FROM usage_delta WHERE tenant_id = $1 LIMIT $2))
    RETURNING *),
  summed AS (
    SELECT tenant_id, customer_no, meter_no, period_start, origin_start, revision, billable, bucket,
           dimensions, sum(quantity_sum) AS quantity_sum, max(quantity_max) AS quantity_max,
           sum(entry_count) AS entry_count,
           (array_agg(last_quantity ORDER BY last_at DESC NULLS LAST, last_key DESC))[1]
             AS last_quantity,
           max(last_at) AS last_at,
           (array_agg(last_key ORDER BY last_at DESC NULLS LAST, last_key DESC))[1] AS last_key,
           sum(digest) AS digest
      FROM folded
     GROUP BY tenant_id, customer_no, meter_no, period_start, origin_start, revision, billable,
           bucket, dimensions),
  written AS (
    INSERT INTO usage_total AS t (tenant_id, customer_no, meter_no, period_start, origin_start,
           revision, billable, bucket, dimensions, quantity_sum, quantity_max, entry_count,
           last_quantity, last_at, last_key, digest)
    SELECT * FROM summed ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        ON CONFLICT ON CONSTRAINT usage_total_pkey DO UPDATE
       SET quantity_sum = t.quantity_sum + excluded.quantity_sum,
           quantity_max = greatest(t.quantity_max, excluded.quantity_max),
           entry_count = t.entry_count + excluded.entry_count,
           last_quantity = CASE WHEN t.last_at IS NULL
                                  OR (excluded.last_at, excluded.last_key) > (t.last_at, t.last_key)
                                THEN excluded.last_quantity ELSE t.last_quantity END,
           last_key = CASE WHEN t.last_at IS NULL
                             OR (excluded.last_at, excluded.last_key) > (t.last_at, t.last_key)
                           THEN excluded.last_key ELSE t.last_key END,
           last_at = greatest(t.last_at, excluded.last_at),
           digest = t.digest + excluded.digest)
  SELECT count(*) AS deltas FROM folded`;
