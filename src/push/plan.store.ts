import type { Transaction } from '../database/connections.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';
import type { PlannedHold } from './push-plan.js';

export interface NamedHold extends PlannedHold, PeriodKey {
  readonly identifier: string;
}

const DELETE_HOLDS = `
  DELETE FROM push_hold h
   USING unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   WHERE h.tenant_id = $1 AND h.customer_no = k.customer_no AND h.meter_no = k.meter_no
     AND h.period_start = k.period_start AND h.identifier <> ALL ($5::text[])`;

const UPSERT_HOLDS = `
  INSERT INTO push_hold AS h (tenant_id, customer_no, meter_no, period_start, reason, identifier,
                              kind, value, detail)
  SELECT $1, k.*
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                $8::numeric[], $9::text[])
           AS k (customer_no, meter_no, period_start, reason, identifier, kind, value, detail)
   ORDER BY k.customer_no, k.meter_no, k.period_start, k.reason
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start, reason) DO UPDATE
     SET kind = excluded.kind, value = excluded.value, detail = excluded.detail
   WHERE (h.kind, h.value, h.detail) IS DISTINCT FROM (excluded.kind, excluded.value, excluded.detail)`;

/** Leaves the planned periods with these holds and no others. */
export async function replaceHolds(
  tx: Transaction,
  tenantId: string,
  planned: readonly PeriodKey[],
  holds: readonly NamedHold[],
): Promise<void> {
  const identifiers = holds.map((hold) => hold.identifier);
  await tx.query(DELETE_HOLDS, [tenantId, ...periodKeyArrays(planned), identifiers]);
  if (holds.length === 0) return;
  await tx.query(UPSERT_HOLDS, [
    tenantId,
    ...periodKeyArrays(holds),
    holds.map((hold) => hold.reason),
    identifiers,
    holds.map((hold) => hold.kind),
    holds.map((hold) => hold.value),
    holds.map((hold) => hold.detail),
  ]);
}
