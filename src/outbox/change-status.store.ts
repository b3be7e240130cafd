import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PeriodKey } from '../usage/period-values.js';
import type { PushStatus } from './push-status.js';

/** A change of status that no answer to a call makes. */
export interface StatusChange {
  readonly identifier: string;
  /** What was looked at: where it has moved on since, nothing changes. */
  readonly transitionNo: number;
  readonly from: PushStatus;
  readonly to: 'delivered' | 'confirmed' | 'disputed' | 'rejected';
  readonly reason: string;
  readonly by: 'reading' | 'resolution';
  /** Rejected, and its value is planned again at once. */
  readonly replaced: boolean;
  readonly at: Micros;
}

/** Where a push that changed belongs. */
export interface ChangedPush extends PeriodKey {
  readonly laneId: string;
  readonly transitionNo: number;
}

const CHANGE = `
  WITH changed AS (
    UPDATE push
       SET status = $5, reason = CASE WHEN $5 IN ('delivered', 'confirmed') THEN NULL ELSE $6 END,
           settled_by = $7, replaced = $8, next_attempt_at = NULL,
           delivered_at = CASE WHEN $5 = 'rejected' THEN delivered_at
                               ELSE coalesce(delivered_at, $9::timestamptz) END,
           transition_no = transition_no + 1
     WHERE tenant_id = $1 AND identifier = $2 AND transition_no = $3 AND status = $4
    RETURNING identifier, lane_id, customer_no, meter_no, period_start, transition_no
  ), noted AS (
    INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status,
                                 reason, at)
    SELECT $1, identifier, transition_no, $4, $5, $6, $9 FROM changed
    RETURNING 1
  ), read AS (
    DELETE FROM push_reading r USING changed c
     WHERE r.tenant_id = $1 AND r.identifier = c.identifier AND $5 <> 'disputed'
  )
  SELECT lane_id AS "laneId", customer_no AS "customerNo", meter_no AS "meterNo",
         period_start AS "periodStart", transition_no AS "transitionNo"
    FROM changed`;

const PARK = `
  UPDATE push_lane SET parked_code = $3, parked_at = $4 WHERE tenant_id = $1 AND lane_id = $2`;

/** @returns Nothing where the push has moved on since it was looked at. */
export async function changeStatus(
  tx: Transaction,
  tenantId: string,
  change: StatusChange,
): Promise<ChangedPush | undefined> {
  const [changed] = await tx.query<ChangedPush>(CHANGE, [
    tenantId,
    change.identifier,
    change.transitionNo,
    change.from,
    change.to,
    change.reason,
    change.by,
    change.replaced,
    formatInstantMicros(change.at),
  ]);
  return changed;
}

/** Stops a lane for Stripe's code, until its mapping or its meter changes. */
export async function parkLane(
  tx: Transaction,
  tenantId: string,
  laneId: string,
  code: string,
  at: Micros,
): Promise<void> {
  await tx.query(PARK, [tenantId, laneId, code, formatInstantMicros(at)]);
}
