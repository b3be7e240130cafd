import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

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
  readonly meterKey: string;
  readonly periodStart: Micros;
}

/** What Stripe is sent of every push of a lane alike. */
export interface PushForm {
  readonly eventName: string;
  readonly customerKey: string;
  readonly valueKey: string;
  readonly formula: string;
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
         m.key AS "meterKey", l.period_start AS "periodStart"
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
     AND date_bin('1 minute', p."timestamp", TIMESTAMPTZ '2000-01-01 00:00:00+00') >= $6
     AND date_bin('1 minute', p."timestamp", TIMESTAMPTZ '2000-01-01 00:00:00+00') < $7
   UNION ALL
  SELECT p."timestamp"
    FROM push p
   WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3 AND p.stripe_customer_id = $4
     AND p.event_name = $5 AND p.kind = 'total' AND p.status <> 'shadow'
     AND p."timestamp" >= $6 AND p."timestamp" < $7`;

const INSERT = `
  WITH made AS (
    INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no,
                      period_start, hour, value, "timestamp", account_id, livemode,
                      stripe_customer_id, event_name, customer_key, value_key, formula, purpose,
                      closes, finalizes_at, transition_no, status, settled_by, delivered_at,
                      next_attempt_at)
    SELECT $1, k.identifier, l.lane_id, k.sequence, k.kind, l.customer_no, l.meter_no,
           l.period_start, k.hour, k.value, k.at, l.account_id, l.livemode, l.stripe_customer_id,
           k.event_name, k.customer_key, k.value_key, k.formula, $13, true, $2, 1,
           CASE $13 WHEN 'repair' THEN 'pending' ELSE 'delivered' END,
           CASE $13 WHEN 'restored' THEN 'reading' END,
           CASE $13 WHEN 'restored' THEN $2::timestamptz END,
           CASE $13 WHEN 'repair' THEN $2::timestamptz END
      FROM unnest($3::text[], $4::uuid[], $5::integer[], $6::text[], $7::timestamptz[],
                  $8::numeric[], $9::timestamptz[], $10::text[], $11::text[], $12::text[],
                  $14::text[])
             AS k (identifier, lane_id, sequence, kind, hour, value, at, event_name, customer_key,
                   value_key, formula)
      JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = k.lane_id
    RETURNING identifier, status
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status, reason, at)
  SELECT $1, identifier, 1, status, $13, $2 FROM made`;

const RAISE = `
  UPDATE push_lane l SET last_sequence = greatest(l.last_sequence, k.sequence)
    FROM (SELECT lane_id, max(sequence) AS sequence
            FROM unnest($2::uuid[], $3::integer[]) AS k (lane_id, sequence) GROUP BY lane_id) k
   WHERE l.tenant_id = $1 AND l.lane_id = k.lane_id`;

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
  if (pushes.length === 0) return;
  await tx.query(INSERT, [
    tenantId,
    formatInstantMicros(at),
    pushes.map((push) => push.identifier),
    pushes.map((push) => push.laneId),
    pushes.map((push) => push.sequence),
    pushes.map((push) => push.kind),
    pushes.map((push) => (push.hour === null ? null : formatInstantMicros(push.hour))),
    pushes.map((push) => push.value),
    pushes.map((push) => formatInstantMicros(push.timestamp)),
    pushes.map(({ form }) => form.eventName),
    pushes.map(({ form }) => form.customerKey),
    pushes.map(({ form }) => form.valueKey),
    purpose,
    pushes.map(({ form }) => form.formula),
  ]);
  await tx.query(RAISE, [
    tenantId,
    pushes.map((push) => push.laneId),
    pushes.map((push) => push.sequence),
  ]);
}
