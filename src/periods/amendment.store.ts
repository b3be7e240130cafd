import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';
import type { Amendment } from './amendment.query.js';

export interface DueAmendment extends PeriodKey {
  readonly periodEnd: Micros;
  /** Whether its statement is written. */
  readonly closed: boolean;
  /** Whether a command closed it; else the own clock is to write its statement. */
  readonly closedByCommand: boolean;
}

/** Periods whose next revision has waited long enough. */
export async function dueAmendments(
  db: Queryable,
  tenantId: string,
  limit: number,
): Promise<DueAmendment[]> {
  return db.query<DueAmendment>(
    `SELECT d.customer_no AS "customerNo", d.meter_no AS "meterNo",
            d.period_start AS "periodStart", p.period_end AS "periodEnd",
            p.closed_at IS NOT NULL AS closed,
            p.period_end <= t.closed_through OR EXISTS (
              SELECT FROM close_mark k
               WHERE k.tenant_id = $1 AND k.customer_no IN (0, d.customer_no)
                 AND k.meter_no IN (0, d.meter_no) AND k.closed_through >= p.period_end)
              AS "closedByCommand"
       FROM amendment_due d
       JOIN tenant t ON t.tenant_id = $1
       JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = d.customer_no
        AND p.meter_no = d.meter_no AND p.period_start = d.period_start
      WHERE d.tenant_id = $1 AND d.due_at <= clock_timestamp()
      ORDER BY d.due_at LIMIT $2`,
    [tenantId, limit],
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
  await tx.query(SEAL, [tenantId, ...periodKeyArrays(periods), formatInstantMicros(at)]);
}

const SEAL = `
  WITH due AS (
    DELETE FROM amendment_due d
     USING unnest($2::bigint[], $3::integer[], $4::timestamptz[])
             AS k (customer_no, meter_no, period_start)
     WHERE d.tenant_id = $1 AND d.customer_no = k.customer_no AND d.meter_no = k.meter_no
       AND d.period_start = k.period_start
    RETURNING d.customer_no, d.meter_no, d.period_start)
  INSERT INTO period_amendment (tenant_id, customer_no, meter_no, period_start, revision, sealed_at)
  SELECT $1, d.customer_no, d.meter_no, d.period_start, 1 + (
           SELECT count(*) FROM period_amendment a
            WHERE a.tenant_id = $1 AND a.customer_no = d.customer_no AND a.meter_no = d.meter_no
              AND a.period_start = d.period_start), $5::timestamptz
    FROM due d`;

/** A sealed revision, and what must be known to say what it comes to. */
export interface SealedAmendment extends PeriodKey {
  readonly revision: number;
  readonly periodEnd: Micros;
  readonly value: string;
  readonly aggregation: Aggregation;
  readonly carryLast: boolean;
  readonly carriedLast: string | null;
}

/** Locks sealed revisions that say nothing yet, the oldest first. Whoever else is at it takes others. */
export async function takeSealed(
  tx: Transaction,
  tenantId: string,
  limit: number,
): Promise<SealedAmendment[]> {
  return tx.query<SealedAmendment>(
    `SELECT a.customer_no AS "customerNo", a.meter_no AS "meterNo",
            a.period_start AS "periodStart", a.revision, p.period_end AS "periodEnd",
            trim_scale(p.value)::text AS value, s.aggregation, s.carry_last AS "carryLast",
            trim_scale(p.carried_last)::text AS "carriedLast"
       FROM (SELECT * FROM period_amendment
              WHERE tenant_id = $1 AND created_at IS NULL
              ORDER BY sealed_at, customer_no, meter_no, period_start, revision LIMIT $2
                FOR UPDATE SKIP LOCKED) a
       JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = a.customer_no
        AND p.meter_no = a.meter_no AND p.period_start = a.period_start
      CROSS JOIN LATERAL (SELECT aggregation, carry_last FROM meter_settings s
             WHERE s.tenant_id = $1 AND s.meter_no = a.meter_no ORDER BY version DESC LIMIT 1) s
      ORDER BY a.revision`,
    [tenantId, limit],
  );
}

export async function writeAmendments(
  tx: Transaction,
  tenantId: string,
  amendments: readonly (PeriodKey &
    Pick<Amendment, 'revision' | 'value' | 'eventCount' | 'digest'>)[],
): Promise<void> {
  await tx.query(
    `UPDATE period_amendment a
        SET value = w.value, event_count = w.event_count, digest = w.digest,
            created_at = a.sealed_at
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::integer[], $6::numeric[],
                   $7::bigint[], $8::bytea[])
              AS w (customer_no, meter_no, period_start, revision, value, event_count, digest)
      WHERE a.tenant_id = $1 AND a.customer_no = w.customer_no AND a.meter_no = w.meter_no
        AND a.period_start = w.period_start AND a.revision = w.revision AND a.created_at IS NULL`,
    [
      tenantId,
      ...periodKeyArrays(amendments),
      amendments.map(({ revision }) => revision),
      amendments.map(({ value }) => value),
      amendments.map(({ eventCount }) => eventCount),
      amendments.map(({ digest }) => digest),
    ],
  );
}

/** What a `last` meter with carry_last holds after amendments reaches the open period after. */
export async function carryAmended(
  tx: Transaction,
  tenantId: string,
  next: readonly (PeriodKey & { readonly value: string })[],
): Promise<void> {
  if (next.length === 0) return;
  await tx.query(
    `UPDATE billing_period p SET carried_last = n.value
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::numeric[])
              AS n (customer_no, meter_no, period_start, value)
      WHERE p.tenant_id = $1 AND p.customer_no = n.customer_no AND p.meter_no = n.meter_no
        AND p.period_start = n.period_start AND p.closed_at IS NULL`,
    [tenantId, ...periodKeyArrays(next), next.map(({ value }) => value)],
  );
}
