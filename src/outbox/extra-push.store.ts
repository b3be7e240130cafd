import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { insertPushes, type PushForm } from './insert-pushes.store.js';

/** What of a lane its rows are made of. */
export interface LaneForPush {
  readonly laneId: string;
  readonly lastSequence: number;
  readonly superseded: boolean;
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  readonly customerId: string;
  readonly erasuresBefore: number;
  readonly meterKey: string;
  readonly periodStart: Micros;
}

/** A push that no plan made. */
export interface ExtraPush {
  readonly identifier: string;
  readonly laneId: string;
  readonly sequence: number;
  readonly kind: 'delta' | 'total';
  readonly hour: Micros | null;
  readonly value: string;
  readonly timestamp: Micros;
  readonly form: PushForm;
}

const LOCK = `
  SELECT l.lane_id AS "laneId", l.last_sequence AS "lastSequence", l.superseded,
         l.account_id AS "accountId", l.livemode, l.stripe_meter_id AS "stripeMeterId",
         l.stripe_customer_id AS "stripeCustomerId", c.customer_id AS "customerId",
         c.erasures_before AS "erasuresBefore", m.key AS "meterKey", l.period_start AS "periodStart"
    FROM push_lane l
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = l.customer_no
    JOIN meter m ON m.tenant_id = $1 AND m.meter_no = l.meter_no
   WHERE l.tenant_id = $1 AND l.lane_id = ANY ($2::uuid[])
   ORDER BY l.lane_id FOR UPDATE OF l`;

const FORM = `
  SELECT p.event_name AS "eventName", p.customer_key AS "customerKey", p.value_key AS "valueKey",
         p.formula
    FROM push_lane l
    JOIN push p ON p.tenant_id = $1 AND p.lane_id = l.lane_id AND p.customer_no = l.customer_no
     AND p.meter_no = l.meter_no AND p.period_start = l.period_start
   WHERE l.tenant_id = $1 AND l.lane_id = $2
   ORDER BY p.sequence DESC LIMIT 1`;

/** By both unique indexes of timestamps. */
const USED = `
  SELECT p."timestamp"
    FROM push p
   WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3 AND p.stripe_customer_id = $4
     AND p.event_name = $5 AND p.kind = 'delta' AND p.status <> 'shadow'
     AND p.minute >= $6 AND p.minute < $7
   UNION ALL
  SELECT p."timestamp"
    FROM push p
   WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3 AND p.stripe_customer_id = $4
     AND p.event_name = $5 AND p.kind = 'total' AND p.status <> 'shadow'
     AND p."timestamp" >= $6 AND p."timestamp" < $7`;

/** Locks lanes, so that nothing is planned in them meanwhile. In order of their ids. */
export async function lockLanesForPush(
  tx: Transaction,
  tenantId: string,
  laneIds: readonly string[],
): Promise<LaneForPush[]> {
  return tx.query<LaneForPush>(LOCK, [tenantId, laneIds]);
}

/** As the newest push of the lane was sent. */
export async function formOfLane(
  db: Queryable,
  tenantId: string,
  laneId: string,
): Promise<PushForm | undefined> {
  const [form] = await db.query<PushForm>(FORM, [tenantId, laneId]);
  return form;
}

/** The timestamps in `[from, to)` that pushes to one Stripe customer and event name have. */
export async function usedTimestamps(
  db: Queryable,
  tenantId: string,
  place: Pick<LaneForPush, 'accountId' | 'livemode' | 'stripeCustomerId'>,
  eventName: string,
  { from, to }: { readonly from: Micros; readonly to: Micros },
): Promise<Micros[]> {
  const rows = await db.query<{ timestamp: Micros }>(USED, [
    tenantId,
    place.accountId,
    place.livemode,
    place.stripeCustomerId,
    eventName,
    formatInstantMicros(from),
    formatInstantMicros(to),
  ]);
  return rows.map(({ timestamp }) => timestamp);
}

/**
 * Adds pushes beside those that plans make: `repair`s wait to be sent, `restored` ones have arrived
 * long ago. Their lanes are locked.
 */
export async function insertExtraPushes(
  tx: Transaction,
  tenantId: string,
  pushes: readonly ExtraPush[],
  purpose: 'repair' | 'restored',
  at: Micros,
): Promise<void> {
  const status = purpose === 'repair' ? 'pending' : 'delivered';
  const all = pushes.map(({ form, ...push }) => {
    return { ...push, ...form, status, purpose, closes: true, finalizesAt: at } as const;
  });
  await insertPushes(tx, tenantId, all, at);
}
