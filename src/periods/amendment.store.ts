import type { Queryable, Transaction } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';
import type { Amendment } from './amendment.query.js';

export interface DueAmendment extends PeriodKey {
  readonly periodEnd: Micros;
  /** Whether its statement is written. */
  readonly closed: boolean;
  /** Whether a revision may be due that no usage came to: the period before was amended. */
  readonly carries: boolean;
}

/**
 * Periods whose next revision has waited long enough. One without a statement is among them where a
 * command has closed it and none is at work that may write it; else its statement is waited for.
 */
export async function dueAmendments(
  db: Queryable,
  tenantId: string,
  limit: number,
): Promise<DueAmendment[]> {
  return db.query<DueAmendment>(DUE, [tenantId, limit]);
}

const DUE = `
  SELECT d.customer_no AS "customerNo", d.meter_no AS "meterNo",
         d.period_start AS "periodStart", p.period_end AS "periodEnd",
         p.closed_at IS NOT NULL AS closed,
         (SELECT carry_last FROM meter_settings s
           WHERE s.tenant_id = $1 AND s.meter_no = d.meter_no ORDER BY version DESC LIMIT 1)
           AS carries
    FROM amendment_due d
    JOIN tenant t ON t.tenant_id = $1
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = d.customer_no
     AND p.meter_no = d.meter_no AND p.period_start = d.period_start
   WHERE d.tenant_id = $1 AND d.due_at <= clock_timestamp()
     AND (p.closed_at IS NOT NULL OR (
          (p.period_end <= t.closed_through OR EXISTS (
            SELECT FROM close_mark k
             WHERE k.tenant_id = $1 AND k.customer_no IN (0, d.customer_no)
               AND k.meter_no IN (0, d.meter_no) AND k.closed_through >= p.period_end))
          AND NOT EXISTS (
            SELECT FROM period_close c
             WHERE c.tenant_id = $1 AND c.finished_at IS NULL
               AND c.customer_no IN (0, d.customer_no) AND c.meter_no IN (0, d.meter_no))))
   ORDER BY d.due_at LIMIT $2`;

/** A sealed revision, and what must be known to say what it comes to. */
export interface SealedAmendment extends PeriodKey {
  readonly revision: number;
  readonly periodEnd: Micros;
  readonly value: string;
  readonly aggregation: Aggregation;
  readonly carryLast: boolean;
  readonly carriedLast: string | null;
  /** Of the statement. */
  readonly statementEvents: number;
  readonly backfilled: boolean;
}

/**
 * Locks sealed revisions that say nothing yet, the oldest first. Whoever else is at it takes others:
 * never a revision whose turn comes after one of the same period, or, where the value is carried over,
 * after one of an earlier period that is not among these. The oldest waits for none.
 */
export async function takeSealed(
  tx: Transaction,
  tenantId: string,
  limit: number,
): Promise<SealedAmendment[]> {
  return tx.query<SealedAmendment>(TAKE_SEALED, [tenantId, limit]);
}

const TAKE_SEALED = `
  WITH taken AS MATERIALIZED (
    SELECT * FROM period_amendment a
     WHERE tenant_id = $1 AND created_at IS NULL
       AND NOT EXISTS (SELECT FROM period_amendment l
                        WHERE l.tenant_id = $1 AND l.customer_no = a.customer_no
                          AND l.meter_no = a.meter_no AND l.period_start = a.period_start
                          AND l.revision < a.revision AND l.created_at IS NULL)
     ORDER BY sealed_at, customer_no, meter_no, period_start, revision LIMIT $2
       FOR UPDATE SKIP LOCKED)
  SELECT a.customer_no AS "customerNo", a.meter_no AS "meterNo",
         a.period_start AS "periodStart", a.revision, p.period_end AS "periodEnd",
         trim_scale(p.value)::text AS value, s.aggregation, s.carry_last AS "carryLast",
         trim_scale(p.carried_last)::text AS "carriedLast",
         p.event_count AS "statementEvents", p.backfilled
    FROM taken a
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = a.customer_no
     AND p.meter_no = a.meter_no AND p.period_start = a.period_start
   CROSS JOIN LATERAL (SELECT aggregation, carry_last FROM meter_settings s
          WHERE s.tenant_id = $1 AND s.meter_no = a.meter_no ORDER BY version DESC LIMIT 1) s
   WHERE NOT (s.carry_last AND EXISTS (
           SELECT FROM period_amendment l
            WHERE l.tenant_id = $1 AND l.customer_no = a.customer_no AND l.meter_no = a.meter_no
              AND l.period_start < a.period_start AND l.sealed_at <= a.sealed_at
              AND l.created_at IS NULL
              AND NOT EXISTS (SELECT FROM taken t
                               WHERE (t.customer_no, t.meter_no, t.period_start, t.revision)
                                   = (l.customer_no, l.meter_no, l.period_start, l.revision))))
   ORDER BY a.customer_no, a.meter_no, a.period_start`;

export async function writeAmendments(
  tx: Transaction,
  tenantId: string,
  amendments: readonly (PeriodKey &
    Pick<Amendment, 'revision' | 'value' | 'eventCount' | 'digest' | 'carriedLast'>)[],
): Promise<void> {
  await tx.query(
    `UPDATE period_amendment a
        SET value = w.value, event_count = w.event_count, digest = w.digest,
            carried_last = w.carried_last, created_at = a.sealed_at
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::integer[], $6::numeric[],
                   $7::bigint[], $8::bytea[], $9::numeric[])
              AS w (customer_no, meter_no, period_start, revision, value, event_count, digest,
                    carried_last)
      WHERE a.tenant_id = $1 AND a.customer_no = w.customer_no AND a.meter_no = w.meter_no
        AND a.period_start = w.period_start AND a.revision = w.revision AND a.created_at IS NULL`,
    [
      tenantId,
      ...periodKeyArrays(amendments),
      amendments.map(({ revision }) => revision),
      amendments.map(({ value }) => value),
      amendments.map(({ eventCount }) => eventCount),
      amendments.map(({ digest }) => digest),
      amendments.map(({ carriedLast }) => carriedLast),
    ],
  );
}

/**
 * Locks periods whose amendments depend on what comes before them, and change what comes after, until
 * they are written, all in one order: whoever writes those of their neighbours sees them, or is seen.
 */
export async function lockPeriods(
  tx: Transaction,
  tenantId: string,
  periods: readonly PeriodKey[],
): Promise<void> {
  if (periods.length === 0) return;
  await tx.query(
    `SELECT FROM billing_period p
       JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
              AS k (customer_no, meter_no, period_start) USING (customer_no, meter_no, period_start)
      WHERE p.tenant_id = $1
      ORDER BY p.customer_no, p.meter_no, p.period_start FOR NO KEY UPDATE OF p`,
    [tenantId, ...periodKeyArrays(periods)],
  );
}
