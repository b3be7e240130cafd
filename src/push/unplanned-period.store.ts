import type { Transaction } from '../database/connections.js';
import { periodKeyArrays } from '../usage/period-values.js';
import type { PeriodFacts } from './period-facts.js';

const NOTE = `
  INSERT INTO push_unplanned (tenant_id, customer_no, meter_no, period_start)
  SELECT $1, k.*
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   ORDER BY 2, 3, 4
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO NOTHING`;

const FORGET = `
  DELETE FROM push_unplanned u
   USING unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   WHERE u.tenant_id = $1 AND u.customer_no = k.customer_no AND u.meter_no = k.meter_no
     AND u.period_start = k.period_start`;

/** Remembers which closed periods were not pushed for real, to be planned when they are to be. */
export async function noteUnplanned(
  tx: Transaction,
  tenantId: string,
  periods: readonly PeriodFacts[],
): Promise<void> {
  const closed = periods.filter((period) => period.closed);
  const live = closed.filter(({ mode }) => mode === 'live');
  const others = closed.filter(({ mode }) => mode !== 'live');
  if (live.length > 0) await tx.query(FORGET, [tenantId, ...periodKeyArrays(live)]);
  if (others.length > 0) await tx.query(NOTE, [tenantId, ...periodKeyArrays(others)]);
}
