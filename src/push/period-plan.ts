import type { Transaction } from '../database/connections.js';
import { difference } from '../domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, type Micros } from '../domain/instant.js';
import { periodKeyText, periodValues, type PeriodValue } from '../usage/period-values.js';
import { FreeMinutes } from '../outbox/free-minutes.js';
import { owedHours, type LanedPeriod } from './owed-hours.js';
import type { LaneState, PushLane } from './push-lane.js';
import type { Route } from './push-obstacle.js';
import {
  planHours,
  planPeriodDelta,
  planTotal,
  type Obstacle,
  type OwedHour,
  type PushPlan,
} from './push-plan.js';
import type { PushWindow } from '../outbox/push-window.js';
import { NOTHING_TOLD, toldValues, type ToldValue } from './told-values.js';
import { latestTotals, usedMinutes, type Stretch } from './used-timestamps.js';

/** A period on its way to a plan. */
export interface RoutedPeriod extends LanedPeriod {
  readonly route: Route;
  /** Where the route reaches Stripe. */
  readonly lane: PushLane | undefined;
  readonly state: LaneState | undefined;
}

interface Owed {
  readonly hours: readonly OwedHour[];
  readonly value: PeriodValue | undefined;
  readonly told: ToldValue;
}

/**
 * Decides for each period what is pushed and what is held. The lanes are locked.
 *
 * @returns One plan for each period, in their order.
 */
export async function planPeriods(
  tx: Transaction,
  tenantId: string,
  periods: readonly RoutedPeriod[],
  now: Micros,
): Promise<PushPlan[]> {
  const owed = await readOwed(tx, tenantId, periods);
  const previous = await previousTotals(tx, tenantId, periods);
  const plan = (period: RoutedPeriod, index: number, window: PushWindow, used: Set<Micros>) =>
    planOf(period, owed[index]!, window, new FreeMinutes(window, used), previous[index]);

  const near = await minutesFrom(tx, tenantId, periods, (index) => firstMinute(owed[index]!));
  const plans = periods.map((period, index) => {
    const window = windowOf(period, now);
    return plan(period, index, { ...window, start: near.from[index]! }, near.used[index]!);
  });
  // Seldom: nothing is free near the usage itself, so every minute of the period is looked at.
  const crowded = plans.map(({ holds }) => holds.some(({ reason }) => reason === 'no_free_minute'));
  if (!crowded.includes(true)) return plans;
  const whole = await minutesFrom(tx, tenantId, periods, () => -Infinity);
  return periods.map((period, index) =>
    crowded[index] ? plan(period, index, windowOf(period, now), whole.used[index]!) : plans[index]!,
  );
}

function windowOf({ facts }: RoutedPeriod, now: Micros): PushWindow {
  return { start: facts.periodStart, end: facts.periodEnd, closed: facts.closed, now };
}

function planOf(
  { route, state }: RoutedPeriod,
  { hours, value, told }: Owed,
  window: PushWindow,
  minutes: FreeMinutes,
  previousTimestamp: Micros | undefined,
): PushPlan {
  const obstacle = obstacleOf(route, state);
  const values = 'destination' in route ? route.destination.values : 'decimal';
  if (route.kind === 'hourly_delta') return planHours(window, hours, obstacle, minutes, values);
  const whole = difference(value?.value ?? '0', told.elsewhere);
  if (route.kind === 'total') {
    const { total: toldValue, refusedTotal: refusedValue, isUncertain } = told;
    const owed = { value: whole, toldValue, refusedValue, previousTimestamp, isUncertain };
    return planTotal(window, owed, obstacle, values);
  }
  const owed = {
    value: difference(whole, told.deltas),
    rejectedValue: told.rejectedDeltas,
    latestHour: value?.latestHour ?? window.start,
  };
  return planPeriodDelta(window, owed, obstacle, minutes, values);
}

function obstacleOf(route: Route, state: LaneState | undefined): Obstacle | undefined {
  if ('obstacle' in route) return { reason: route.obstacle, detail: route.detail };
  const parked = state?.parkedCode ?? null;
  return parked === null ? undefined : { reason: 'lane_parked', detail: parked };
}

async function readOwed(
  tx: Transaction,
  tenantId: string,
  periods: readonly RoutedPeriod[],
): Promise<Owed[]> {
  const isHourly = ({ route }: RoutedPeriod): boolean => route.kind === 'hourly_delta';
  const whole = periods.filter((period) => !isHourly(period));
  const hours = await owedHours(tx, tenantId, periods.filter(isHourly));
  const told = await toldValues(tx, tenantId, whole);
  const keys = whole.map(({ facts }) => ({ ...facts, from: facts.pushFrom }));
  const values = new Map(
    (await periodValues(tx, tenantId, keys)).map((value) => [periodKeyText(value), value]),
  );
  return periods.map(({ facts }) => {
    const key = periodKeyText(facts);
    return {
      hours: hours.get(key) ?? [],
      value: values.get(key),
      told: told.get(key) ?? NOTHING_TOLD,
    };
  });
}

/** An hour before the first that owes anything: nearly always enough to find a free minute in. */
function firstMinute({ hours, value }: Owed): Micros {
  const hour = hours[0]?.hour ?? value?.latestHour;
  return hour === undefined || hour === null ? -Infinity : hour - MICROS_PER_HOUR;
}

async function minutesFrom(
  tx: Transaction,
  tenantId: string,
  periods: readonly RoutedPeriod[],
  firstOf: (index: number) => Micros,
): Promise<{ from: Micros[]; used: Set<Micros>[] }> {
  const from = periods.map(({ facts, route }, index) =>
    route.kind === 'total' ? facts.periodStart : Math.max(facts.periodStart, firstOf(index)),
  );
  const used = periods.map(() => new Set<Micros>());
  const stretches: (Stretch & { index: number })[] = [];
  periods.forEach(({ facts, route, lane }, index) => {
    if (lane === undefined || route.kind === 'total') return;
    const { destination } = lane;
    stretches.push({ index, destination, from: from[index]!, to: facts.periodEnd });
  });
  const sets = await usedMinutes(tx, tenantId, stretches);
  stretches.forEach(({ index }, at) => {
    used[index] = sets[at]!;
  });
  return { from, used };
}

async function previousTotals(
  tx: Transaction,
  tenantId: string,
  periods: readonly RoutedPeriod[],
): Promise<(Micros | undefined)[]> {
  const previous = periods.map((): Micros | undefined => undefined);
  const stretches: (Stretch & { index: number })[] = [];
  periods.forEach(({ facts, route, lane }, index) => {
    if (lane === undefined || route.kind !== 'total') return;
    const { destination } = lane;
    stretches.push({ index, destination, from: facts.periodStart, to: facts.periodEnd });
  });
  const latest = await latestTotals(tx, tenantId, stretches);
  stretches.forEach(({ index }, at) => {
    previous[index] = latest[at];
  });
  return previous;
}
