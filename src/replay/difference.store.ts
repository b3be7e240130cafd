import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { Difference, DifferenceKind } from './difference.js';

/** How many differences of a replay are kept by name; all are counted. */
export const DIFFERENCES_KEPT_MAX = 1_000;

export interface DifferenceRow {
  readonly kind: DifferenceKind;
  readonly customerId: string | null;
  readonly meter: string | null;
  readonly periodStart: Micros | null;
  readonly place: Readonly<Record<string, unknown>>;
  readonly ledger: Readonly<Record<string, unknown>> | null;
  readonly stored: Readonly<Record<string, unknown>> | null;
  readonly mended: boolean;
}

/** @param before How many the replay had before these. */
export async function keepDifferences(
  tx: Transaction,
  tenantId: string,
  replayId: string,
  before: number,
  found: readonly Difference[],
  isApplied: boolean,
): Promise<void> {
  const kept = found.slice(0, Math.max(0, DIFFERENCES_KEPT_MAX - before));
  if (kept.length === 0) return;
  await tx.query(
    `INSERT INTO replay_difference (tenant_id, replay_id, difference_no, kind, customer_no,
            meter_no, period_start, place, ledger, stored, mended)
     SELECT $1, $2, $3::integer + d.ordinality, d.kind, d.customer_no, d.meter_no, d.period_start,
            d.place, d.ledger, d.stored, d.mended
       FROM unnest($4::text[], $5::bigint[], $6::integer[], $7::timestamptz[], $8::jsonb[],
                   $9::jsonb[], $10::jsonb[], $11::boolean[])
              WITH ORDINALITY AS d (kind, customer_no, meter_no, period_start, place, ledger, stored,
                                    mended, ordinality)
     RETURNING 1`,
    [
      tenantId,
      replayId,
      before,
      kept.map(({ kind }) => kind),
      kept.map(({ customerNo }) => customerNo),
      kept.map(({ meterNo }) => meterNo),
      kept.map(({ periodStart }) =>
        periodStart === null ? null : formatInstantMicros(periodStart),
      ),
      kept.map(({ place }) => JSON.stringify(place)),
      kept.map(({ ledger }) => (ledger === null ? null : JSON.stringify(ledger))),
      kept.map(({ stored }) => (stored === null ? null : JSON.stringify(stored))),
      kept.map(({ mendable }) => isApplied && mendable),
    ],
  );
}

/** In the order in which they were found. */
export async function differencesOf(
  db: Queryable,
  tenantId: string,
  replayId: string,
): Promise<DifferenceRow[]> {
  return db.query<DifferenceRow>(
    `SELECT d.kind, c.customer_id AS "customerId", m.key AS "meter",
            d.period_start AS "periodStart", d.place, d.ledger, d.stored, d.mended
       FROM replay_difference d
       LEFT JOIN customer c ON c.tenant_id = d.tenant_id AND c.customer_no = d.customer_no
       LEFT JOIN meter m ON m.tenant_id = d.tenant_id AND m.meter_no = d.meter_no
      WHERE d.tenant_id = $1 AND d.replay_id = $2
      ORDER BY d.difference_no`,
    [tenantId, replayId],
  );
}
