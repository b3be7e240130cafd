import { periodSourceOf } from '../../customers/billing-source.store.js';
import type { Queryable, Transaction } from '../../database/connections.js';
import type { BillingPeriod } from '../../domain/billing-period.js';
import {
  formatInstantMicros,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  type Micros,
} from '../../domain/instant.js';
import { isAdditive } from '../../domain/meter.js';
import { periodOfSource } from '../../domain/period-source.js';
import { pushIdentifier } from '../../domain/push-identifier.js';
import { PeriodBook } from '../../ledger/period-book.js';
import {
  insertExtraPushes,
  lockLanesForPush,
  usedTimestamps,
  type ExtraPush,
  type LaneForPush,
} from '../../outbox/extra-push.store.js';
import type { PushForm } from '../../outbox/insert-pushes.store.js';
import { installationId } from '../../outbox/installation.store.js';
import { laneIdOf } from '../../outbox/lane-id.js';
import { pushesBetween, type LanePush, type Place } from '../lane.store.js';
import type { Finding, ForgottenUsage } from './forgotten-deltas.js';
import type { PlaceOwner } from './place.store.js';

/** A place, whose it is, and what it is sent. */
export interface OwnedPlace extends Place {
  readonly owner: PlaceOwner;
  readonly form: PushForm;
}

/** What was found, and the pushes that it was held against. */
export interface PlaceFinding extends Finding {
  readonly seen: { readonly from: Micros; readonly to: Micros; readonly state: string };
}

interface PlacedUsage extends ForgottenUsage {
  readonly laneId: string;
  readonly periodStart: Micros;
}

const ADD_LANES = `
  INSERT INTO push_lane (tenant_id, lane_id, account_id, livemode, stripe_meter_id,
                         stripe_customer_id, customer_no, meter_no, period_start)
  SELECT $1, k.lane_id, $4, $5, $6, $7, $8, $9, k.period_start
    FROM unnest($2::uuid[], $3::timestamptz[]) AS k (lane_id, period_start)
   ORDER BY k.lane_id
  ON CONFLICT DO NOTHING`;

/** A pending one was sent after the backup was made: its way leads over the call. */
const ARRIVE = `
  WITH arrived AS (
    UPDATE push p
       SET status = 'delivered', reason = NULL, settled_by = 'reading', replaced = false,
           delivered_at = coalesce(p.delivered_at, $4), next_attempt_at = NULL,
           lease_until = NULL, fence = p.fence + 1, attempts = greatest(p.attempts, 1),
           first_attempt_at = coalesce(p.first_attempt_at, $4), clock_offset_micros = NULL,
           last_attempt_at = coalesce(p.last_attempt_at, $4),
           transition_no = p.transition_no + CASE p.status WHEN 'pending' THEN 2 ELSE 1 END
      FROM unnest($2::text[], $3::integer[], $5::text[]) AS k (identifier, transition_no, status)
     WHERE p.tenant_id = $1 AND p.identifier = k.identifier AND p.transition_no = k.transition_no
       AND p.status = k.status
    RETURNING p.identifier, p.transition_no, k.status AS from_status
  ), noted AS (
    INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status,
                                 reason, at)
    SELECT $1, a.identifier, a.transition_no - 1, 'pending', 'sending', 'restored', $4
      FROM arrived a WHERE a.from_status = 'pending'
     UNION ALL
    SELECT $1, a.identifier, a.transition_no,
           CASE a.from_status WHEN 'pending' THEN 'sending' ELSE a.from_status END, 'delivered',
           'restored', $4
      FROM arrived a
    RETURNING 1
  ), forgotten AS (
    DELETE FROM push_reading r USING arrived a
     WHERE r.tenant_id = $1 AND r.identifier = a.identifier
  )
  SELECT identifier FROM arrived`;

/** What is known by now is less than what was planned with: it is planned anew. */
const PLAN_ANEW = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT b.tenant_id, b.customer_no, b.meter_no, b.period_start, b.closed_at IS NOT NULL
    FROM billing_period b
   WHERE b.tenant_id = $1 AND b.customer_no = $2 AND b.meter_no = $3
     AND b.period_start = ANY ($4::timestamptz[])
   ORDER BY b.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
       SET closed = push_work.closed OR excluded.closed`;

/**
 * Writes down what was found at a place.
 *
 * @returns Whether it was: not where the place has other pushes by now than it was held against.
 */
export async function recordFinding(
  tx: Transaction,
  tenantId: string,
  place: OwnedPlace,
  { arrived, forgotten, seen }: PlaceFinding,
  at: Micros,
): Promise<boolean> {
  const placed = await placeUsage(tx, tenantId, place, forgotten);
  await addLanes(tx, tenantId, place, placed);
  const laneIds = [...placed, ...arrived].map(({ laneId }) => laneId);
  const lanes = await lockLanesForPush(tx, tenantId, [...new Set(laneIds)]);
  const pushes = await pushesBetween(tx, tenantId, place, seen.from, seen.to);
  if (stateOf(pushes) !== seen.state) return false;
  await settle(tx, tenantId, arrived, at);
  const free = await onFreeMinutes(tx, tenantId, place, placed);
  const numbers = { tenantId, installationId: await installationId(tx) };
  await insertExtraPushes(tx, tenantId, numbered(numbers, lanes, place, free), 'restored', at);
  const { customerNo, meterNo } = place.owner;
  await tx.query(PLAN_ANEW, [
    tenantId,
    customerNo,
    meterNo,
    [...new Set(placed.map(({ periodStart }) => formatInstantMicros(periodStart)))],
  ]);
  return true;
}

/** In one word that changes with every push and every settling of one. */
export function stateOf(pushes: readonly LanePush[]): string {
  return `${pushes.length}/${pushes.reduce((sum, push) => sum + push.transitionNo, 0)}`;
}

/** The billing period of each instant: as it stands, or as it will be made. */
export async function periodsAt(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo }: PlaceOwner,
  instants: readonly Micros[],
): Promise<BillingPeriod[]> {
  const source = await periodSourceOf(db, tenantId, { customerNo, meterNo });
  const book = new PeriodBook({ isTransaction: true, query: db.query.bind(db) }, tenantId);
  return book.collect(instants, (at) =>
    book.periodAt(customerNo, meterNo, (of) => periodOfSource(source, of), at),
  );
}

async function settle(
  tx: Transaction,
  tenantId: string,
  arrived: readonly LanePush[],
  at: Micros,
): Promise<void> {
  if (arrived.length === 0) return;
  await tx.query(ARRIVE, [
    tenantId,
    arrived.map(({ identifier }) => identifier),
    arrived.map(({ transitionNo }) => transitionNo),
    formatInstantMicros(at),
    arrived.map(({ status }) => status),
  ]);
}

async function placeUsage(
  tx: Transaction,
  tenantId: string,
  place: OwnedPlace,
  forgotten: readonly ForgottenUsage[],
): Promise<PlacedUsage[]> {
  const instants = forgotten.map(({ timestamp }) => timestamp);
  const periods = await periodsAt(tx, tenantId, place.owner, instants);
  const { customerNo, meterNo } = place.owner;
  return forgotten.map((usage, index) => {
    const periodStart = periods[index]!.start;
    const laneId = laneIdOf(tenantId, { ...place, customerNo, meterNo, periodStart });
    return { ...usage, laneId, periodStart };
  });
}

async function addLanes(
  tx: Transaction,
  tenantId: string,
  place: OwnedPlace,
  placed: readonly PlacedUsage[],
): Promise<void> {
  const lanes = new Map(placed.map(({ laneId, periodStart }) => [laneId, periodStart]));
  await tx.query(ADD_LANES, [
    tenantId,
    [...lanes.keys()],
    [...lanes.values()].map(formatInstantMicros),
    place.accountId,
    place.livemode,
    place.stripeMeterId,
    place.stripeCustomerId,
    place.owner.customerNo,
    place.owner.meterNo,
  ]);
}

/**
 * Another Stripe meter of the same event name may have got a push in the same minute, before this
 * one was made: then a free minute of its hour stands for it.
 */
async function onFreeMinutes(
  tx: Transaction,
  tenantId: string,
  place: OwnedPlace,
  placed: readonly PlacedUsage[],
): Promise<PlacedUsage[]> {
  const deltas = placed.filter(({ kind }) => kind === 'delta');
  if (deltas.length === 0) return [...placed];
  const hours = deltas.map(({ timestamp }) => minutesOfHour(timestamp)[0]!);
  const from = Math.min(...hours);
  const to = Math.max(...hours) + MICROS_PER_HOUR;
  const { eventName } = place.form;
  const timestamps = await usedTimestamps(tx, tenantId, place, eventName, { from, to });
  const used = new Set(timestamps.map((at) => at - (at % MICROS_PER_MINUTE)));
  const own = new Set(deltas.map(({ timestamp }) => timestamp));
  return placed.flatMap((usage) => {
    if (usage.kind === 'total' || !used.has(usage.timestamp)) return [usage];
    const timestamp = minutesOfHour(usage.timestamp).find((at) => !used.has(at) && !own.has(at));
    // Its hour goes on to differ, which is told.
    if (timestamp === undefined) return [];
    used.add(timestamp);
    return [{ ...usage, timestamp }];
  });
}

function minutesOfHour(instant: Micros): Micros[] {
  const hour = Math.floor(instant / MICROS_PER_HOUR) * MICROS_PER_HOUR;
  return Array.from({ length: 60 }, (_, minute) => hour + minute * MICROS_PER_MINUTE);
}

function numbered(
  ours: { readonly tenantId: string; readonly installationId: string },
  lanes: readonly LaneForPush[],
  { owner, form }: OwnedPlace,
  placed: readonly PlacedUsage[],
): ExtraPush[] {
  const sequences = new Map(lanes.map((lane) => [lane.laneId, lane.lastSequence]));
  return placed.map(({ laneId, kind, timestamp, value }) => {
    const lane = lanes.find((of) => of.laneId === laneId)!;
    const sequence = sequences.get(laneId)! + 1;
    sequences.set(laneId, sequence);
    const isHourly = kind === 'delta' && isAdditive(owner.aggregation);
    const hour = isHourly ? Math.floor(timestamp / MICROS_PER_HOUR) * MICROS_PER_HOUR : null;
    const identifier = pushIdentifier({ ...ours, ...lane, sequence });
    return { identifier, laneId, sequence, kind, hour, value, timestamp, form };
  });
}
