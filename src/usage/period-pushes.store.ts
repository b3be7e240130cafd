import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PushStanding } from '../domain/push-standing.js';
import { UNBILLABLE_REASONS } from '../outbox/hold-reason.js';
import type { PushedKind, PushStatus, SettledBy } from '../outbox/push-status.js';
import type { PeriodKey } from './period-values.js';
import { FINALIZED, STANDING } from './pushed-values.js';

/** A push with everything that was frozen for it, and whereto it counts. */
export interface PeriodPush {
  readonly identifier: string;
  readonly laneId: string;
  readonly sequence: number;
  readonly kind: PushedKind;
  readonly hour: Micros | null;
  readonly value: string;
  readonly timestamp: Micros;
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  readonly eventName: string;
  readonly customerKey: string;
  readonly valueKey: string;
  /** Planned once its period was closed. */
  readonly closes: boolean;
  readonly purpose: 'usage' | 'repair' | 'restored';
  readonly status: PushStatus;
  readonly reason: string | null;
  readonly settledBy: SettledBy | null;
  readonly target: string | null;
  readonly attempts: number;
  readonly unknownAttempts: number;
  readonly firstAttemptAt: Micros | null;
  readonly lastAttemptAt: Micros | null;
  readonly deliveredAt: Micros | null;
  readonly lastError: string | null;
  readonly createdAt: Micros;
  /** Null: in none of the period's sums, for `notCounted`. */
  readonly countsAs: PushStanding | null;
  readonly notCounted: 'shadow' | 'repair' | 'replaced' | 'lane_superseded' | null;
}

const PUSHES = `
  SELECT p.identifier, p.lane_id AS "laneId", p.sequence, p.kind, p.hour,
         trim_scale(p.value)::text AS value, p."timestamp", p.account_id AS "accountId", p.livemode,
         l.stripe_meter_id AS "stripeMeterId", p.stripe_customer_id AS "stripeCustomerId",
         p.event_name AS "eventName", p.customer_key AS "customerKey", p.value_key AS "valueKey",
         p.closes, p.purpose, p.status, p.reason, p.settled_by AS "settledBy", p.target, p.attempts,
         p.unknown_attempts AS "unknownAttempts", p.first_attempt_at AS "firstAttemptAt",
         p.last_attempt_at AS "lastAttemptAt", p.delivered_at AS "deliveredAt",
         p.last_error AS "lastError", p.created_at AS "createdAt", n.why AS "notCounted",
         CASE WHEN n.why IS NULL THEN ${STANDING} END AS "countsAs"
    FROM (SELECT $2::bigint AS customer_no, $3::integer AS meter_no,
                 $4::timestamptz AS period_start) q
    LEFT JOIN LATERAL (SELECT f.finalized_at FROM (SELECT q.*) k
                        CROSS JOIN LATERAL (${FINALIZED}) f) k ON true
    JOIN push p ON p.tenant_id = $1 AND p.customer_no = q.customer_no AND p.meter_no = q.meter_no
     AND p.period_start = q.period_start
    JOIN push_lane l ON l.tenant_id = p.tenant_id AND l.lane_id = p.lane_id
   CROSS JOIN LATERAL (SELECT CASE WHEN p.status = 'shadow' THEN 'shadow'
                                   WHEN p.purpose = 'repair' THEN 'repair'
                                   WHEN p.replaced THEN 'replaced'
                                   WHEN l.superseded THEN 'lane_superseded' END AS why) n
   ORDER BY p.created_at, p.lane_id, p.sequence`;

/** The pushes of a period in the order they were planned. */
export async function periodPushes(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo, periodStart }: PeriodKey,
): Promise<PeriodPush[]> {
  const parameters = [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)];
  return db.query<PeriodPush>(PUSHES, parameters);
}

/** What of a period is not pushed, and why. */
export interface PeriodHold {
  readonly identifier: string;
  readonly kind: 'delta' | 'total';
  readonly reason: string;
  readonly value: string;
  readonly detail: string | null;
  readonly heldSince: Micros;
  readonly countsAs: 'held' | 'unbillable';
}

const HOLDS = `
  SELECT identifier, kind, reason, trim_scale(value)::text AS value, detail,
         held_since AS "heldSince",
         CASE WHEN reason = ANY ($5::text[]) THEN 'unbillable' ELSE 'held' END AS "countsAs"
    FROM push_hold
   WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3 AND period_start = $4
   ORDER BY reason`;

export async function periodHolds(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo, periodStart }: PeriodKey,
): Promise<PeriodHold[]> {
  const parameters = [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)];
  return db.query<PeriodHold>(HOLDS, [...parameters, UNBILLABLE_REASONS]);
}
