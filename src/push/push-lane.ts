import type { Micros } from '../domain/instant.js';
import { isAdditive } from '../domain/meter.js';
import { laneIdOf } from '../outbox/lane-id.js';
import type { PeriodKey } from '../usage/period-values.js';
import type { PeriodFacts } from './period-facts.js';
import type { PushKind } from './push-kind.js';
import type { Destination } from './push-obstacle.js';

/** Where the pushes of one period go. */
export interface PushLane extends PeriodKey {
  readonly laneId: string;
  readonly destination: Destination;
  readonly goesOn: GoesOn;
}

/**
 * Which changes of mapping a lane goes on from: what the lane before it got counts, and only what
 * came after is owed. Any other lane gets the whole period.
 */
export interface GoesOn {
  readonly fromCustomer: boolean;
  readonly fromMeter: boolean;
  /** What was told of the period as a whole belongs to no hour, so hours cannot go on from it. */
  readonly fromTotals: boolean;
}

/** What was kept of a lane. */
export interface LaneState {
  readonly laneId: string;
  readonly lastSequence: number;
  readonly parkedCode: string | null;
  readonly parkedAt: Micros | null;
  /** Whether pushes of its period went here before this plan. */
  readonly wasActive: boolean;
}

/** Refusals that end when the Stripe meter is active again. */
const CURED_BY_ACTIVE_METER: ReadonlySet<string> = new Set(['archived_meter', 'no_active_meter']);

/** As long as what was read of a meter before the refusal is believed. */
const PARKED_FOR = 5 * 60_000_000;

export function laneOf(
  tenantId: string,
  facts: PeriodFacts,
  kind: PushKind,
  destination: Destination,
): PushLane {
  const { customerNo, meterNo, periodStart } = facts;
  const { accountId, livemode, stripeCustomerId, meter } = destination;
  const { stripeMeterId } = meter;
  const origin = { accountId, livemode, stripeMeterId, stripeCustomerId };
  const laneId = laneIdOf(tenantId, { ...origin, customerNo, meterNo, periodStart });
  const goesOn = goesOnOf(facts, kind);
  return { laneId, customerNo, meterNo, periodStart, destination, goesOn };
}

/**
 * The newest of several values stands alone: a total of one lane cannot go on from another's. But
 * what was told of a period before a change that came after its close is billed already, whatever
 * the change was meant for; only what it still owes goes under the new mapping.
 */
function goesOnOf(facts: PeriodFacts, kind: PushKind): GoesOn {
  const { customerMappingFrom, meterMappingFrom, closedBefore } = facts;
  const addsUp = kind !== 'total' || isAdditive(facts.aggregation);
  return {
    fromCustomer: closedBefore.customerMapping || (addsUp && customerMappingFrom === 'now'),
    fromMeter: closedBefore.meterMapping || (addsUp && meterMappingFrom === 'now'),
    fromTotals: kind !== 'hourly_delta',
  };
}

/** Whether what a lane was parked for has passed: its meter was read as active well after that. */
export function isCured(state: LaneState, { meter }: Destination): boolean {
  if (state.parkedCode === null || state.parkedAt === null) return false;
  // Its mapping changed, and changed back.
  if (!state.wasActive) return true;
  return CURED_BY_ACTIVE_METER.has(state.parkedCode) && meter.readAt > state.parkedAt + PARKED_FOR;
}
