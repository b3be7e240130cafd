import type { Transaction } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import { withdrawPushes } from '../outbox/withdraw.store.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';
import type { LaneState, PushLane } from './push-lane.js';

const INSERT = `
  INSERT INTO push_lane (tenant_id, lane_id, account_id, livemode, stripe_meter_id,
                         stripe_customer_id, customer_no, meter_no, period_start)
  SELECT $1, k.*
    FROM unnest($2::uuid[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::bigint[],
                $8::integer[], $9::timestamptz[])
           AS k (lane_id, account_id, livemode, stripe_meter_id, stripe_customer_id, customer_no,
                 meter_no, period_start)
   ORDER BY k.lane_id
  ON CONFLICT (tenant_id, lane_id) DO NOTHING`;

const LOCK = `
  SELECT lane_id AS "laneId", last_sequence AS "lastSequence", parked_code AS "parkedCode",
         parked_at AS "parkedAt", active AS "wasActive"
    FROM push_lane WHERE tenant_id = $1 AND lane_id = ANY ($2::uuid[])
   ORDER BY lane_id FOR UPDATE`;

/**
 * Where another lane of a period becomes the active one, those before it do not count any more, but
 * for those that it goes on from. A Stripe meter made anew under the same name is no change of
 * mapping. Lanes of another account or mode rest as they are, and count again with a lane of theirs.
 */
const ACTIVATE = `
  UPDATE push_lane l
     SET active = (l.lane_id = n.lane_id),
         dormant = NOT (l.account_id = n.account_id AND l.livemode = n.livemode),
         outdated = CASE
           WHEN l.lane_id = n.lane_id THEN false
           WHEN l.account_id = n.account_id AND l.livemode = n.livemode THEN l.outdated OR NOT (
             (l.stripe_customer_id = n.stripe_customer_id OR k.from_customer)
           AND (l.stripe_meter_id = n.stripe_meter_id
                OR (k.from_meter AND NOT EXISTS (
                      SELECT FROM push p
                       WHERE p.tenant_id = $1 AND p.lane_id = l.lane_id
                         AND p.event_name = k.event_name)))
           AND (k.from_totals OR NOT EXISTS (
                  SELECT FROM push p
                   WHERE p.tenant_id = $1 AND p.lane_id = l.lane_id AND p.kind = 'total'
                     AND p.status NOT IN ('shadow', 'rejected'))))
           ELSE l.outdated
         END
    FROM unnest($2::uuid[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[])
           AS k (lane_id, event_name, from_customer, from_meter, from_totals)
    JOIN push_lane n ON n.tenant_id = $1 AND n.lane_id = k.lane_id
   WHERE l.tenant_id = $1 AND l.customer_no = n.customer_no AND l.meter_no = n.meter_no
     AND l.period_start = n.period_start AND (NOT n.active OR n.superseded)`;

const WAITING = `
  SELECT p.identifier
    FROM push p
    JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start) USING (customer_no, meter_no, period_start)
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id
   WHERE p.tenant_id = $1 AND p.status = 'pending' AND ($5 OR NOT l.active)
   ORDER BY p.identifier`;

/** What Stripe refused of lanes that the active one goes on from, that one carries. */
const REPLACE_REFUSED = `
  UPDATE push p SET replaced = true
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start), push_lane l
   WHERE p.tenant_id = $1 AND p.customer_no = k.customer_no AND p.meter_no = k.meter_no
     AND p.period_start = k.period_start AND p.status = 'rejected' AND NOT p.replaced
     AND l.tenant_id = $1 AND l.lane_id = p.lane_id AND NOT l.active AND NOT l.superseded`;

const UNPARK = `
  WITH unparked AS (
    UPDATE push_lane SET parked_code = NULL, parked_at = NULL
     WHERE tenant_id = $1 AND lane_id = ANY ($2::uuid[]) RETURNING lane_id
  )
  UPDATE push p SET replaced = true FROM unparked u
   WHERE p.tenant_id = $1 AND p.lane_id = u.lane_id AND p.status = 'rejected'`;

/** Makes sure of the lanes and locks them, so that each has one plan at a time. */
export async function lockLanes(
  tx: Transaction,
  tenantId: string,
  lanes: readonly PushLane[],
): Promise<Map<string, LaneState>> {
  if (lanes.length === 0) return new Map();
  const laneIds = lanes.map((lane) => lane.laneId);
  await tx.query(INSERT, [
    tenantId,
    laneIds,
    lanes.map(({ destination }) => destination.accountId),
    lanes.map(({ destination }) => destination.livemode),
    lanes.map(({ destination }) => destination.meter.stripeMeterId),
    lanes.map(({ destination }) => destination.stripeCustomerId),
    ...periodKeyArrays(lanes),
  ]);
  const states = await tx.query<LaneState>(LOCK, [tenantId, laneIds]);
  await tx.query(ACTIVATE, [
    tenantId,
    laneIds,
    lanes.map(({ destination }) => destination.meter.eventName),
    lanes.map(({ goesOn }) => goesOn.fromCustomer),
    lanes.map(({ goesOn }) => goesOn.fromMeter),
    lanes.map(({ goesOn }) => goesOn.fromTotals),
  ]);
  return new Map(states.map((state) => [state.laneId, state]));
}

/** Lets parked lanes go on; what they refused is planned again. */
export async function unparkLanes(
  tx: Transaction,
  tenantId: string,
  laneIds: readonly string[],
): Promise<void> {
  if (laneIds.length > 0) await tx.query(UNPARK, [tenantId, laneIds]);
}

/**
 * Takes back what waits in the inactive lanes of periods, or in all their lanes: it is not sent any
 * more, and other rows will carry its value.
 */
export async function withdrawPending(
  tx: Transaction,
  tenantId: string,
  keys: readonly PeriodKey[],
  lanes: 'inactive' | 'all',
  why: { readonly reason: string; readonly at: Micros },
): Promise<void> {
  if (keys.length === 0) return;
  const parameters = [tenantId, ...periodKeyArrays(keys)];
  const waiting = await tx.query<{ identifier: string }>(WAITING, [...parameters, lanes === 'all']);
  await withdrawPushes(tx, tenantId, waiting, why);
  if (lanes === 'inactive') await tx.query(REPLACE_REFUSED, parameters);
}
