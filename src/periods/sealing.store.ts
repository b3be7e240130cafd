import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { carriedAsWritten, carriedNow } from '../usage/carried-last.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

/** What decides whether the next revision of a period of a `last` meter would say anything. */
export interface RevisionFacts extends PeriodKey {
  readonly periodEnd: Micros;
  /** Sealed revisions, written or not. */
  readonly revisions: number;
  /** Whether entries came after them. */
  readonly hasEntries: boolean;
  /** Whether one of them is still to be written: it is made with what is carried then. */
  readonly hasUnwritten: boolean;
  /** The same of the period before: what it comes to is not known yet. */
  readonly isBeforeUnwritten: boolean;
  /** What it begins with, as it was written last. */
  readonly written: string | null;
  /** What it begins with as things stand. */
  readonly now: string | null;
}

const later = (table: string): string => `
  EXISTS (SELECT FROM ${table} u
           WHERE u.tenant_id = $1 AND u.customer_no = p.customer_no AND u.meter_no = p.meter_no
             AND u.period_start = p.period_start AND u.revision > r.revisions)`;

const FACTS = `
  SELECT p.customer_no AS "customerNo", p.meter_no AS "meterNo", p.period_start AS "periodStart",
         p.period_end AS "periodEnd", r.revisions, r.unwritten > 0 AS "hasUnwritten",
         ${later('usage_delta')} OR ${later('usage_total')} AS "hasEntries",
         EXISTS (SELECT FROM billing_period b
                   JOIN period_amendment a USING (tenant_id, customer_no, meter_no, period_start)
                  WHERE b.tenant_id = $1 AND b.customer_no = p.customer_no
                    AND b.meter_no = p.meter_no AND b.period_start < p.period_start
                    AND b.period_end = p.period_start AND a.created_at IS NULL)
           AS "isBeforeUnwritten",
         trim_scale(${carriedAsWritten('p')})::text AS written,
         trim_scale(${carriedNow('p')})::text AS now
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = k.customer_no
     AND p.meter_no = k.meter_no AND p.period_start = k.period_start
   CROSS JOIN LATERAL (
         SELECT count(*) AS revisions, count(*) FILTER (WHERE a.created_at IS NULL) AS unwritten
           FROM period_amendment a
          WHERE a.tenant_id = $1 AND a.customer_no = p.customer_no AND a.meter_no = p.meter_no
            AND a.period_start = p.period_start) r`;

export async function revisionFacts(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<RevisionFacts[]> {
  if (periods.length === 0) return [];
  return db.query<RevisionFacts>(FACTS, [tenantId, ...periodKeyArrays(periods)]);
}

/** The closed periods after each one, in order. @param limit How many of each at most. */
export async function closedAfter(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
  limit: number,
): Promise<(PeriodKey & { readonly at: number; readonly periodEnd: Micros })[]> {
  if (periods.length === 0) return [];
  return db.query(
    `SELECT k.n - 1 AS at, p.customer_no AS "customerNo", p.meter_no AS "meterNo",
            p.period_start AS "periodStart", p.period_end AS "periodEnd"
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[]) WITH ORDINALITY
              AS k (customer_no, meter_no, period_start, n)
      CROSS JOIN LATERAL (
            SELECT * FROM billing_period b
             WHERE b.tenant_id = $1 AND b.customer_no = k.customer_no AND b.meter_no = k.meter_no
               AND b.period_start > k.period_start AND b.closed_at IS NOT NULL
             ORDER BY b.period_start LIMIT $5) p
      ORDER BY k.n, p.period_start`,
    [tenantId, ...periodKeyArrays(periods), limit],
  );
}

/** That a revision of a period is due, as it was stored. */
export interface DueRow extends PeriodKey {
  readonly dueAt: Micros;
}

/** Takes what is due of these periods away. What they are due for is read in a later statement. */
export async function takeDueRows(
  tx: Transaction,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<DueRow[]> {
  return tx.query<DueRow>(
    `DELETE FROM amendment_due d
      USING unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS k (customer_no, meter_no, period_start)
      WHERE d.tenant_id = $1 AND d.customer_no = k.customer_no AND d.meter_no = k.meter_no
        AND d.period_start = k.period_start
  RETURNING d.customer_no AS "customerNo", d.meter_no AS "meterNo",
            d.period_start AS "periodStart", d.due_at AS "dueAt"`,
    [tenantId, ...periodKeyArrays(periods)],
  );
}

/** Leaves what was taken for another time. */
export async function putBackDueRows(
  tx: Transaction,
  tenantId: string,
  rows: readonly DueRow[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(
    `INSERT INTO amendment_due (tenant_id, customer_no, meter_no, period_start, due_at)
     SELECT $1, d.*
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[]) AS d
         ON CONFLICT DO NOTHING`,
    [tenantId, ...periodKeyArrays(rows), rows.map(({ dueAt }) => formatInstantMicros(dueAt))],
  );
}

/**
 * Those of the periods that nobody carries anything into before this commits. Whoever is just about
 * to, or has not committed, has seen what is due and left it so: what that was for cannot be read yet.
 */
export async function lockQuiet(
  tx: Transaction,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<PeriodKey[]> {
  if (periods.length === 0) return [];
  return tx.query<PeriodKey>(
    `SELECT p.customer_no AS "customerNo", p.meter_no AS "meterNo",
            p.period_start AS "periodStart"
       FROM billing_period p
       JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS k (customer_no, meter_no, period_start) USING (customer_no, meter_no, period_start)
      WHERE p.tenant_id = $1 FOR SHARE OF p SKIP LOCKED`,
    [tenantId, ...periodKeyArrays(periods)],
  );
}

/**
 * Ends the revisions that closed periods are at: what comes after it joins the next one. Only
 * behind the closed gate, so that nobody is on the way with an entry for it.
 */
export async function sealRevisions(
  tx: Transaction,
  tenantId: string,
  periods: readonly PeriodKey[],
  at: Micros,
): Promise<void> {
  if (periods.length === 0) return;
  await tx.query(
    `INSERT INTO period_amendment (tenant_id, customer_no, meter_no, period_start, revision,
            sealed_at)
     SELECT $1, d.customer_no, d.meter_no, d.period_start, 1 + (
              SELECT count(*) FROM period_amendment a
               WHERE a.tenant_id = $1 AND a.customer_no = d.customer_no
                 AND a.meter_no = d.meter_no AND a.period_start = d.period_start), $5::timestamptz
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS d (customer_no, meter_no, period_start)
     RETURNING 1`,
    [tenantId, ...periodKeyArrays(periods), formatInstantMicros(at)],
  );
}
