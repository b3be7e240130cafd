import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PushStatus } from '../outbox/push-status.js';

/** One lane's place at Stripe. Usage is counted there whatever lane of ours it came from. */
export interface Place {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
}

/** A lane to be held against Stripe. */
export interface ReadLane extends Place {
  readonly laneNo: number;
  readonly laneId: string;
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly periodEnd: Micros;
  readonly superseded: boolean;
}

/** A push of the lane, or of one that shares an hour with it. */
export interface LanePush {
  readonly identifier: string;
  readonly laneId: string;
  readonly sequence: number;
  readonly kind: 'delta' | 'total';
  readonly purpose: 'usage' | 'repair' | 'restored';
  readonly status: PushStatus;
  readonly value: string;
  readonly timestamp: Micros;
  readonly transitionNo: number;
  readonly lastAttemptAt: Micros | null;
  readonly deliveredAt: Micros | null;
}

const LANE = `
  SELECT r.lane_no AS "laneNo", l.lane_id AS "laneId", l.account_id AS "accountId", l.livemode,
         l.stripe_meter_id AS "stripeMeterId", l.stripe_customer_id AS "stripeCustomerId",
         l.customer_no AS "customerNo", l.meter_no AS "meterNo", l.period_start AS "periodStart",
         r.period_end AS "periodEnd", l.superseded
    FROM reconciliation_lane r
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = r.lane_id
   WHERE r.tenant_id = $1 AND r.reconciliation_id = $2`;

/** By the two unique indexes of timestamps, each of which has one kind. */
const PUSHES = `
  SELECT p.identifier, p.lane_id AS "laneId", p.sequence, p.kind, p.purpose, p.status,
         trim_scale(p.value)::text AS "value", p."timestamp", p.transition_no AS "transitionNo",
         p.last_attempt_at AS "lastAttemptAt", p.delivered_at AS "deliveredAt"
    FROM (SELECT d.* FROM push d
           WHERE d.tenant_id = $1 AND d.account_id = $2 AND d.livemode = $3
             AND d.stripe_customer_id = $5 AND d.kind = 'delta' AND d.status <> 'shadow'
           UNION ALL
          SELECT t.* FROM push t
           WHERE t.tenant_id = $1 AND t.account_id = $2 AND t.livemode = $3
             AND t.stripe_customer_id = $5 AND t.kind = 'total' AND t.status <> 'shadow') p
    JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id AND l.stripe_meter_id = $4
   WHERE p."timestamp" >= $6 AND p."timestamp" < $7
   ORDER BY p."timestamp", p.sequence`;

/** The next lanes of a reconciliation that nobody has read. */
export async function unreadLanes(
  db: Queryable,
  tenantId: string,
  reconciliationId: string,
  limit: number,
): Promise<ReadLane[]> {
  return db.query<ReadLane>(`${LANE} AND r.verdict IS NULL ORDER BY r.lane_no LIMIT $3`, [
    tenantId,
    reconciliationId,
    limit,
  ]);
}

/** Every push to one place with a timestamp in `[from, to)`, but for those that call nothing. */
export async function pushesBetween(
  db: Queryable,
  tenantId: string,
  place: Place,
  from: Micros,
  to: Micros,
): Promise<LanePush[]> {
  return db.query<LanePush>(PUSHES, [
    tenantId,
    place.accountId,
    place.livemode,
    place.stripeMeterId,
    place.stripeCustomerId,
    formatInstantMicros(from),
    formatInstantMicros(to),
  ]);
}

/**
 * What stands in a lane, in one word that changes with every push and every settling of one, but
 * not where a delivery is confirmed: repairs that were worked out for another state are not made.
 */
export async function laneState(db: Queryable, tenantId: string, laneId: string): Promise<string> {
  const [row] = await db.query<{ state: string }>(
    `SELECT count(*) || '/'
            || coalesce(sum(p.transition_no - (p.status = 'confirmed')::integer), 0) AS state
       FROM push_lane l
       JOIN push p ON p.tenant_id = $1 AND p.lane_id = l.lane_id AND p.customer_no = l.customer_no
        AND p.meter_no = l.meter_no AND p.period_start = l.period_start
      WHERE l.tenant_id = $1 AND l.lane_id = $2 AND p.status <> 'shadow'`,
    [tenantId, laneId],
  );
  return row!.state;
}
