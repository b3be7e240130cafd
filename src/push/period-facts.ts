import type { Transaction } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import type { MappingChange } from '../domain/mapping-change.js';
import type { Aggregation, PushMode } from '../domain/meter.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

/** What a plan needs to know of a period but its usage and its pushes. */
export interface PeriodFacts extends PeriodKey {
  readonly periodEnd: Micros;
  readonly closed: boolean;
  readonly customerId: string;
  readonly stripeCustomerId: string | null;
  /** What was said when `stripeCustomerId` last changed. */
  readonly customerMappingFrom: MappingChange | null;
  readonly meterKey: string;
  readonly aggregation: Aggregation;
  readonly stripeEventName: string | null;
  /** What was said when `stripeEventName` last changed. */
  readonly meterMappingFrom: MappingChange | null;
  readonly mode: PushMode;
  readonly pushFrom: Micros | null;
}

const FACTS = `
  SELECT k.customer_no AS "customerNo", k.meter_no AS "meterNo", k.period_start AS "periodStart",
         p.period_end AS "periodEnd", p.closed_at IS NOT NULL AS "closed",
         c.customer_id AS "customerId", c.stripe_customer_id AS "stripeCustomerId",
         c.mapping_from AS "customerMappingFrom", m.key AS "meterKey", s.aggregation,
         s.stripe_event_name AS "stripeEventName", s.mapping_from AS "meterMappingFrom",
         coalesce(c.push, s.push) AS "mode", s.push_from AS "pushFrom"
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = k.customer_no
     AND p.meter_no = k.meter_no AND p.period_start = k.period_start
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = k.customer_no
    JOIN meter m ON m.tenant_id = $1 AND m.meter_no = k.meter_no
    JOIN LATERAL (
           SELECT * FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = k.meter_no
            ORDER BY version DESC LIMIT 1) s ON true
   ORDER BY k.customer_no, k.meter_no, k.period_start`;

/** Periods that have no row any more are left out. */
export async function periodFacts(
  tx: Transaction,
  tenantId: string,
  keys: readonly PeriodKey[],
): Promise<PeriodFacts[]> {
  return tx.query<PeriodFacts>(FACTS, [tenantId, ...periodKeyArrays(keys)]);
}
