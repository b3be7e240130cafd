import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { isRepresentable, splitDecimal } from '../domain/split-decimal.js';
import { FreeMinutes } from '../outbox/free-minutes.js';
import { floorTo, totalTimestamp } from '../outbox/push-window.js';
import type { Difference } from './lane-reading.js';

export const REPAIR_ACTIONS = [
  /** Its minute is read until it is settled; what did not arrive is pushed again by a new number. */
  'read_back',
  /** Takes away what others have reported. */
  'push_delta',
  /** Says the total again. */
  'push_total',
  /** Nothing is done: `why` says what can be. */
  'none',
] as const;
export type RepairAction = (typeof REPAIR_ACTIONS)[number];

/** One step of a repair. */
export interface RepairStep {
  readonly action: RepairAction;
  readonly identifier: string | null;
  readonly hour: Micros | null;
  readonly timestamp: Micros | null;
  /** What is pushed; of a read-back what may be pushed again. */
  readonly value: string;
  /** What it changes at Stripe, in units. */
  readonly effect: string;
  readonly why: string | null;
}

/** A repair push that exists already, whether Stripe shows it or not. */
export interface EarlierRepair {
  readonly hour: Micros;
  readonly value: string;
}

/** A lane to be repaired. */
export interface DriftingLane {
  readonly kind: 'delta' | 'total';
  /** Whether pushes of its period go there now. */
  readonly isPushedTo: boolean;
  /** Of totals: whether one is on its way, or is not known to have arrived, after all that did. */
  readonly isUnsettled: boolean;
  readonly ours: string;
  readonly stripe: string;
  readonly periodStart: Micros;
  readonly periodEnd: Micros;
  readonly now: Micros;
  readonly differences: readonly Difference[];
  readonly repairs: readonly EarlierRepair[];
  /** Timestamps that pushes to the same place have. */
  readonly used: readonly Micros[];
}

const BY_HAND = 'settle it by POST /v1/pushes/:identifier/resolutions';
const READ_ANYWAY = 'it is being read back, and settled by that';
const NOT_SETTLED = 'its newest total is not settled yet: reconcile again when it is';
const NO_MINUTE = 'the hour has no minute left';
const NO_MINUTE_YET = 'the hour has no minute left so far: reconcile again in a minute';
const NOT_PUSHED_TO = 'the lane is not pushed to any more';

/** Works out what would make Stripe agree with us. */
export function planRepair(lane: DriftingLane): RepairStep[] {
  if (lane.kind === 'total') return totalSteps(lane);
  const single = lane.differences.flatMap((of) => stepOf(of) ?? []);
  const foreign = lane.differences.filter(({ cause }) => cause === 'foreign');
  const hours = [...new Set(foreign.map(({ hour }) => hour!))].sort((a, b) => a - b);
  return [...single, ...hours.flatMap((hour) => hourSteps(lane, hour, foreign))];
}

function stepOf({ cause, identifier, hour, minute, value }: Difference): RepairStep | undefined {
  const of = { identifier, hour, timestamp: minute, effect: '0' };
  switch (cause) {
    case 'missing': {
      const missing = difference('0', value);
      return { ...of, action: 'read_back', value: missing, effect: missing, why: null };
    }
    case 'pending':
    case 'rejected':
      return { ...of, action: 'none', value, why: BY_HAND };
    case 'sending':
    case 'unknown':
    case 'disputed':
      return { ...of, action: 'none', value, why: READ_ANYWAY };
    case 'unexplained':
      return { ...of, action: 'none', value, why: 'repair what was found first, reconcile again' };
    case 'foreign':
    case 'repair':
      return undefined;
  }
}

/** What others reported in an hour, less what was taken away for it already. */
function hourSteps(lane: DriftingLane, hour: Micros, foreign: readonly Difference[]): RepairStep[] {
  const ofHour = foreign.filter((usage) => usage.hour === hour);
  const before = lane.repairs.filter((repair) => repair.hour === hour);
  const surplus = sumOf([...ofHour, ...before].map(({ value }) => value));
  const used = new Set([
    ...lane.used.map((at) => floorTo(at, MICROS_PER_MINUTE)),
    ...ofHour.map(({ minute }) => minute!),
  ]);
  const none = { action: 'none', identifier: null, hour, timestamp: null, effect: '0' } as const;
  const minutes = new FreeMinutes(hourOf(lane, hour), used);
  return (splitDecimal(difference('0', surplus)) ?? []).map((value) => {
    if (!lane.isPushedTo) return { ...none, value, why: NOT_PUSHED_TO };
    const timestamp = minutes.take(hour);
    if (typeof timestamp === 'string') {
      return { ...none, value, why: isOver(lane, hour) ? NO_MINUTE : NO_MINUTE_YET };
    }
    return {
      action: 'push_delta',
      identifier: null,
      hour,
      timestamp,
      value,
      effect: value,
      why: null,
    };
  });
}

/** The hour as far as the period has it, all of it to be used. */
function hourOf({ periodStart, periodEnd, now }: DriftingLane, hour: Micros) {
  const start = Math.max(hour, periodStart);
  const end = Math.min(hour + MICROS_PER_HOUR, periodEnd);
  return { start, end, closed: true, now };
}

/** Whether every whole minute of the hour has begun. */
function isOver(lane: DriftingLane, hour: Micros): boolean {
  const { end, now } = hourOf(lane, hour);
  return now >= floorTo(end, MICROS_PER_MINUTE) - MICROS_PER_MINUTE;
}

/**
 * Where pushes go elsewhere, what did not arrive is read back, so that it goes there as well; else
 * the total is told again.
 */
function totalSteps(lane: DriftingLane): RepairStep[] {
  const missing = lane.differences.filter(({ cause }) => cause === 'missing');
  if (!lane.isPushedTo && missing.length > 0) return missing.flatMap((of) => stepOf(of) ?? []);
  return [totalStep(lane)];
}

function totalStep(lane: DriftingLane): RepairStep {
  const { ours, stripe, periodStart: start, periodEnd: end, now } = lane;
  const of = { identifier: null, hour: null, value: ours };
  const none = { ...of, action: 'none', timestamp: null, effect: '0' } as const;
  if (!lane.isPushedTo) return { ...none, why: NOT_PUSHED_TO };
  // One told now would take back what may have arrived.
  if (lane.isUnsettled) return { ...none, why: NOT_SETTLED };
  if (!isRepresentable(ours)) return { ...none, why: 'the total has over 15 digits' };
  const previous = lane.used.reduce((latest, at) => Math.max(latest, at), 0);
  const timestamp = totalTimestamp({ start, end, closed: now >= end, now }, previous);
  if (typeof timestamp === 'string') {
    return { ...none, why: 'the period has no later second left by now' };
  }
  return { ...of, action: 'push_total', timestamp, effect: difference(ours, stripe), why: null };
}
