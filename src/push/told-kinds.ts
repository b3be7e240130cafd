import type { Transaction } from '../database/connections.js';
import { periodKeyArrays, periodKeyText, type PeriodKey } from '../usage/period-values.js';
import type { PeriodFacts } from './period-facts.js';
import type { PushKind } from './push-kind.js';

const KINDS = `
  SELECT DISTINCT ON (p.customer_no, p.meter_no, p.period_start)
         p.customer_no AS "customerNo", p.meter_no AS "meterNo", p.period_start AS "periodStart",
         CASE WHEN p.kind = 'total' THEN 'total'
              WHEN p.hour IS NULL THEN 'period_delta' ELSE 'hourly_delta' END AS "kind"
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::boolean[])
           AS k (customer_no, meter_no, period_start, shadow)
    JOIN push p ON p.tenant_id = $1 AND p.customer_no = k.customer_no AND p.meter_no = k.meter_no
     AND p.period_start = k.period_start
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id AND NOT l.superseded
   WHERE p.purpose <> 'repair' AND NOT p.replaced AND (p.status <> 'shadow' OR k.shadow)
   ORDER BY p.customer_no, p.meter_no, p.period_start, l.active DESC, p.sequence DESC`;

/**
 * How periods were told so far: what they owe is reckoned the same way while Stripe's meter is out
 * of sight, or what it was told would be held a second time.
 *
 * @returns By period (`periodKeyText`); absent where nothing was told.
 */
export async function toldKinds(
  tx: Transaction,
  tenantId: string,
  periods: readonly PeriodFacts[],
): Promise<Map<string, PushKind>> {
  if (periods.length === 0) return new Map();
  const rows = await tx.query<PeriodKey & { kind: PushKind }>(KINDS, [
    tenantId,
    ...periodKeyArrays(periods),
    periods.map(({ mode }) => mode === 'shadow'),
  ]);
  return new Map(rows.map((row) => [periodKeyText(row), row.kind]));
}
