import { Injectable } from '@nestjs/common';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { enterGate, readGate } from '../database/gate.js';
import type { Micros } from '../domain/instant.js';
import { holdIdentifier, pushIdentifier } from '../domain/push-identifier.js';
import type { HoldReason } from '../outbox/hold-reason.js';
import { insertPushes, type NewPush } from '../outbox/insert-pushes.store.js';
import { pushStop } from '../outbox/push-guard.js';
import { periodKeyText, type PeriodKey } from '../usage/period-values.js';
import { periodFacts, type PeriodFacts } from './period-facts.js';
import { planPeriods, type RoutedPeriod } from './period-plan.js';
import { replaceHolds, type NamedHold } from './plan.store.js';
import { isCured, laneOf, type LaneState } from './push-lane.js';
import { lockLanes, unparkLanes, withdrawPending } from './push-lane.store.js';
import { routeOf, type Route, type StripeSide } from './push-obstacle.js';
import { putFirst } from './push-order.store.js';
import type { PushPlan } from './push-plan.js';
import { claimWork, nextWork } from './push-work.store.js';
import { StripeSideReader } from './stripe-side.js';
import { toldKinds } from './told-kinds.js';
import { noteUnplanned } from './unplanned-period.store.js';

/** Periods of one transaction: long enough to share its statements, short enough not to hold on. */
const BATCH = 50;

/** Obstacles that also stop what is planned already, and what the push's withdrawal is put down to. */
const WITHDRAWN_FOR: Partial<Record<HoldReason, string>> = {
  meter_unmapped: 'mapping_changed',
  customer_unmapped: 'mapping_changed',
  no_subscription_item: 'no_subscription_item',
  several_subscription_items: 'several_subscription_items',
  invoice_finalized: 'invoice_finalized',
  customer_deleted: 'customer_deleted',
};

interface Moment {
  readonly installationId: string;
  /** The tenant's now. */
  readonly now: Micros;
  /** The time of day, by the database. */
  readonly at: Micros;
}

/** Turns what periods owe into pushes, or into holds where they cannot be pushed. */
@Injectable()
export class PushPlanner {
  constructor(
    private readonly db: Database,
    private readonly stripe: StripeSideReader,
  ) {}

  /**
   * Plans the next periods that wait for it.
   *
   * @returns How many; 0 where nothing waits that another process does not have.
   * @throws StripeUnavailable where Stripe has to be asked and does not answer.
   */
  async plan(tenantId: string): Promise<number> {
    for (;;) {
      const { gateVersion } = await readGate(this.db.work, tenantId);
      const work = await nextWork(this.db.work, tenantId, BATCH);
      if (work.length === 0) return 0;
      const eventNames = work.flatMap(({ stripeEventName }) => stripeEventName ?? []);
      const side = await this.stripe.read(tenantId, new Set(eventNames));
      const planned = await this.db.work.transaction(async (tx) => {
        // What a changing schedule takes back must not be planned anew from what was there before.
        const gate = await enterGate(tx, tenantId);
        // A mapping or an account that changed since leads elsewhere than what was read.
        if (gate.gateVersion !== gateVersion) return undefined;
        if ((await pushStop(tx)) !== undefined) return 0;
        const claimed = await claimWork(tx, tenantId, work);
        if (claimed.length > 0) await planClaimed(tx, tenantId, claimed, side);
        return claimed.length;
      });
      if (planned !== undefined) return planned;
    }
  }
}

async function planClaimed(
  tx: Transaction,
  tenantId: string,
  claimed: readonly PeriodKey[],
  side: StripeSide,
): Promise<void> {
  const moment = await readMoment(tx, tenantId);
  const facts = await periodFacts(tx, tenantId, claimed);
  await noteUnplanned(tx, tenantId, facts);
  const pushed = facts.filter(({ mode }) => mode !== 'off');
  const periods = await route(tx, tenantId, pushed, side, moment);
  const plans = await planPeriods(tx, tenantId, periods, moment.now);

  const name = { tenantId, installationId: moment.installationId };
  const pushes = periods.flatMap((period, index) => numbered(name, period, plans[index]!));
  await insertPushes(tx, tenantId, pushes, moment.at);
  await putFirst(
    tx,
    tenantId,
    facts.filter(({ closed }) => closed),
  );
  const holds = periods.flatMap(({ facts: period }, index) => named(name, period, plans[index]!));
  await replaceHolds(tx, tenantId, claimed, holds);

  const planned = new Set(pushed.map(periodKeyText));
  const unpushed = claimed.filter((key) => !planned.has(periodKeyText(key)));
  await withdrawPending(tx, tenantId, unpushed, 'all', { reason: 'push_off', at: moment.at });
}

async function readMoment(tx: Transaction, tenantId: string): Promise<Moment> {
  const [moment] = await tx.query<Moment>(
    `SELECT installation_id AS "installationId", clock_timestamp() AS "at",
            clock_timestamp() + clock_offset_micros * interval '1 microsecond' AS "now"
       FROM installation, tenant WHERE tenant_id = $1`,
    [tenantId],
  );
  if (moment === undefined) throw new Error('no such tenant');
  return moment;
}

/** Finds each period's way, locks the lanes, and takes back what would go another way. */
async function route(
  tx: Transaction,
  tenantId: string,
  pushed: readonly PeriodFacts[],
  side: StripeSide,
  { at }: Moment,
): Promise<RoutedPeriod[]> {
  const ways = await waysOf(tx, tenantId, pushed, side);
  const lanes = ways.flatMap(({ lane }) => lane ?? []);
  const states = await lockLanes(tx, tenantId, lanes);
  const cured = lanes.filter(({ laneId, destination }) =>
    isCured(states.get(laneId)!, destination),
  );
  await unparkLanes(
    tx,
    tenantId,
    cured.map(({ laneId }) => laneId),
  );
  const change = { reason: 'mapping_changed', at };
  await withdrawPending(tx, tenantId, lanes, 'inactive', change);
  // What a parked lane was still to send waits with the rest of its value.
  const parked = lanes.filter(
    (lane) => !cured.includes(lane) && states.get(lane.laneId)!.parkedCode !== null,
  );
  await withdrawPending(tx, tenantId, parked, 'all', { reason: 'lane_parked', at });
  for (const [reason, stopped] of stoppedBy(ways)) {
    await withdrawPending(tx, tenantId, stopped, 'all', { reason, at });
  }
  return ways.map((way) => {
    const state = way.lane === undefined ? undefined : states.get(way.lane.laneId);
    const isUnparked = way.lane !== undefined && cured.includes(way.lane);
    return { ...way, state: isUnparked ? unparked(state!) : state };
  });
}

/**
 * Each period's way to Stripe; one that does not lead there goes on as the period was told so far.
 *
 * So does one that was closed before its mapping changed: what it was told as a whole belongs to no
 * hour, so its hours cannot go on from that.
 */
async function waysOf(
  tx: Transaction,
  tenantId: string,
  pushed: readonly PeriodFacts[],
  side: StripeSide,
) {
  const routes = pushed.map((facts) => ({ facts, route: routeOf(side, facts) }));
  const bound = routes.flatMap(({ facts, route: way }) => {
    const { customerMapping, meterMapping } = facts.closedBefore;
    return 'obstacle' in way || customerMapping || meterMapping ? [facts] : [];
  });
  const told = await toldKinds(tx, tenantId, bound);
  return routes.map(({ facts, route: way }) => {
    if ('obstacle' in way) {
      const kind = told.get(periodKeyText(facts)) ?? way.kind;
      return { facts, route: { ...way, kind }, lane: undefined, laneId: undefined };
    }
    const before = told.get(periodKeyText(facts)) ?? way.kind;
    const isWhole = way.kind === 'hourly_delta' && before !== 'hourly_delta';
    const kind = isWhole ? 'period_delta' : way.kind;
    const lane = laneOf(tenantId, facts, kind, way.destination);
    return { facts, route: { ...way, kind }, lane, laneId: lane.laneId };
  });
}

/** Periods whose pushes must not go out as they were planned, by the reason they are taken back for. */
function stoppedBy(
  ways: readonly { readonly facts: PeriodFacts; readonly route: Route }[],
): Map<string, PeriodFacts[]> {
  const stopped = new Map<string, PeriodFacts[]>();
  for (const { facts, route: way } of ways) {
    const reason = 'obstacle' in way ? WITHDRAWN_FOR[way.obstacle] : undefined;
    if (reason !== undefined) stopped.set(reason, [...(stopped.get(reason) ?? []), facts]);
  }
  return stopped;
}

function unparked(state: LaneState): LaneState {
  return { ...state, parkedCode: null, parkedAt: null };
}

interface Namespace {
  readonly tenantId: string;
  readonly installationId: string;
}

function numbered(name: Namespace, period: RoutedPeriod, plan: PushPlan): NewPush[] {
  const { facts, lane, state } = period;
  if (lane === undefined || state === undefined) return [];
  const { accountId, livemode, stripeCustomerId, meter } = lane.destination;
  return plan.pushes.map((push, index) => {
    const sequence = state.lastSequence + 1 + index;
    const { stripeMeterId } = meter;
    const origin = { ...name, ...facts, accountId, livemode, stripeMeterId, stripeCustomerId };
    return {
      ...push,
      identifier: pushIdentifier({ ...origin, sequence }),
      laneId: lane.laneId,
      sequence,
      status: facts.mode === 'shadow' ? 'shadow' : 'pending',
      eventName: meter.eventName,
      customerKey: meter.customerKey,
      valueKey: meter.valueKey,
      formula: meter.formula,
      purpose: 'usage',
      closes: facts.closed,
      finalizesAt: facts.finalizesAt,
    };
  });
}

function named(name: Namespace, facts: PeriodFacts, plan: PushPlan): NamedHold[] {
  const { customerNo, meterNo, periodStart } = facts;
  return plan.holds.map((hold) => ({
    ...hold,
    customerNo,
    meterNo,
    periodStart,
    identifier: holdIdentifier({ ...name, ...facts }, hold.reason),
  }));
}
