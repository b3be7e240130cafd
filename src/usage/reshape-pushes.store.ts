import type { Transaction } from '../database/connections.js';
import type { BillingPeriod } from '../domain/billing-period.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { laneIdOf, type LaneOrigin } from '../outbox/lane-id.js';
import { withdrawPushes } from '../outbox/withdraw.store.js';
import { IN_SCOPE, scopeParameters, type ReshapeScope } from './reshape-periods.store.js';

/** Takes back what was planned and never sent: the new periods' own pushes carry it. */
export async function withdrawUnsent(
  tx: Transaction,
  tenantId: string,
  scope: ReshapeScope,
  at: Micros,
): Promise<void> {
  const unsent = await tx.query<{ identifier: string }>(
    `SELECT identifier FROM push WHERE ${IN_SCOPE} AND status = 'pending' ORDER BY identifier`,
    scopeParameters(tenantId, scope),
  );
  await withdrawPushes(tx, tenantId, unsent, { reason: 'schedule_changed', at });
}

interface MisplacedPush extends LaneOrigin {
  readonly identifier: string;
  readonly laneId: string;
  readonly newStart: Micros;
}

/**
 * Pushes that were sent count at Stripe by their timestamps, and are billed in the period that holds
 * them: they join the lane of that period, so that it is owed no more than what they did not bring.
 * Their identifiers and timestamps stay, for Stripe knows them by these.
 */
export async function movePushes(
  tx: Transaction,
  tenantId: string,
  scope: ReshapeScope,
  periods: readonly BillingPeriod[],
): Promise<void> {
  const misplaced = await tx.query<MisplacedPush>(MISPLACED, [
    ...scopeParameters(tenantId, scope),
    periods.map(({ start }) => formatInstantMicros(start)),
    periods.map(({ end }) => formatInstantMicros(end)),
  ]);
  if (misplaced.length === 0) return;
  const laneIds = misplaced.map((push) =>
    laneIdOf(tenantId, { ...push, periodStart: push.newStart }),
  );
  await tx.query(MAKE_LANES, [
    tenantId,
    laneIds,
    misplaced.map(({ laneId }) => laneId),
    misplaced.map(({ newStart }) => formatInstantMicros(newStart)),
  ]);
  await tx.query(MOVE, [
    tenantId,
    misplaced.map(({ identifier }) => identifier),
    laneIds,
    misplaced.map(({ newStart }) => formatInstantMicros(newStart)),
  ]);
}

const MISPLACED = `
  SELECT w.identifier, w.lane_id AS "laneId", l.account_id AS "accountId", l.livemode,
         l.stripe_meter_id AS "stripeMeterId", l.stripe_customer_id AS "stripeCustomerId",
         w.customer_no AS "customerNo", w.meter_no AS "meterNo", w.period_start AS "periodStart",
         p.period_start AS "newStart"
    FROM (SELECT * FROM push
           WHERE ${IN_SCOPE} AND status <> 'pending' AND NOT replaced
           ORDER BY identifier FOR UPDATE) w
    JOIN unnest($6::timestamptz[], $7::timestamptz[]) AS p (period_start, period_end)
      ON w."timestamp" >= p.period_start AND w."timestamp" < p.period_end
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = w.lane_id
   WHERE p.period_start <> w.period_start
   ORDER BY w."timestamp", w.identifier`;

const MAKE_LANES = `
  INSERT INTO push_lane (tenant_id, lane_id, account_id, livemode, stripe_meter_id,
         stripe_customer_id, customer_no, meter_no, period_start, active, outdated, dormant)
  SELECT DISTINCT ON (k.lane_id) $1::uuid, k.lane_id, l.account_id, l.livemode, l.stripe_meter_id,
         l.stripe_customer_id, l.customer_no, l.meter_no, k.period_start, l.active, l.outdated,
         l.dormant
    FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS k (lane_id, from_lane_id, period_start)
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = k.from_lane_id
   ORDER BY k.lane_id
  ON CONFLICT (tenant_id, lane_id) DO NOTHING`;

/** Numbers go on where the lane's own pushes have come to. */
const MOVE = `
  WITH moved AS (
    SELECT k.*, l.last_sequence + row_number() OVER (PARTITION BY k.lane_id ORDER BY k.place)
             AS sequence
      FROM unnest($2::text[], $3::uuid[], $4::timestamptz[])
             WITH ORDINALITY AS k (identifier, lane_id, period_start, place)
      JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = k.lane_id),
  raised AS (
    UPDATE push_lane l SET last_sequence = m.sequence
      FROM (SELECT lane_id, max(sequence) AS sequence FROM moved GROUP BY lane_id) m
     WHERE l.tenant_id = $1 AND l.lane_id = m.lane_id)
  -- What was refused is tried anew, as the lane that it comes to may not be parked.
  UPDATE push p SET lane_id = m.lane_id, period_start = m.period_start, sequence = m.sequence,
                    replaced = p.status = 'rejected'
    FROM moved m
   WHERE p.tenant_id = $1 AND p.identifier = m.identifier`;
