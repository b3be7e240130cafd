import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import {
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
  type Micros,
} from '../domain/instant.js';
import { isRepresentable, splitDecimal } from '../domain/split-decimal.js';
import type { Difference } from './lane-reading.js';

/** Stripe takes timestamps of the past 35 days; a day is kept for the way. */
const AGE_MAX = 34 * MICROS_PER_DAY;
/** The end of each period that is kept for its close. */
const RESERVED = 5 * MICROS_PER_MINUTE;

export type RepairAction =
  /** Its minute is read until it is settled; what did not arrive is pushed again by a new number. */
  | 'read_back'
  /** Takes away what others have reported. */
  | 'push_delta'
  /** Says the total again. */
  | 'push_total'
  /** Nothing is done: `why` says what can be. */
  | 'none';

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
  readonly superseded: boolean;
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

/** Works out what would make Stripe agree with us. */
export function planRepair(lane: DriftingLane): RepairStep[] {
  if (lane.kind === 'total') return [totalStep(lane)];
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
  return (splitDecimal(difference('0', surplus)) ?? []).map((value) => {
    if (lane.superseded) return { ...none, value, why: 'the lane is not pushed to any more' };
    const timestamp = freeMinute(lane, hour, used);
    if (timestamp === undefined) return { ...none, value, why: 'the hour has no minute left' };
    used.add(timestamp);
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

function freeMinute(
  { periodStart, periodEnd, now }: DriftingLane,
  hour: Micros,
  used: ReadonlySet<Micros>,
): Micros | undefined {
  const first = ceilTo(Math.max(hour, periodStart, now - AGE_MAX), MICROS_PER_MINUTE);
  const last = Math.min(
    hour + MICROS_PER_HOUR - MICROS_PER_MINUTE,
    floorTo(periodEnd, MICROS_PER_MINUTE) - MICROS_PER_MINUTE,
    floorTo(now, MICROS_PER_MINUTE),
  );
  for (let at = first; at <= last; at += MICROS_PER_MINUTE) if (!used.has(at)) return at;
  return undefined;
}

function totalStep(lane: DriftingLane): RepairStep {
  const { ours, stripe, superseded } = lane;
  const of = { identifier: null, hour: null, value: ours };
  const none = { ...of, action: 'none', timestamp: null, effect: '0' } as const;
  if (superseded) return { ...none, why: 'the lane is not pushed to any more' };
  if (!isRepresentable(ours)) return { ...none, why: 'the total has over 15 digits' };
  const timestamp = nextTotal(lane);
  if (timestamp === undefined)
    return { ...none, why: 'the period has no later second left by now' };
  return { ...of, action: 'push_total', timestamp, effect: difference(ours, stripe), why: null };
}

/** Later than every total before it; the last minutes of an open period are kept for its close. */
function nextTotal({ periodStart, periodEnd, now, used }: DriftingLane): Micros | undefined {
  const previous = used.reduce((latest, at) => Math.max(latest, at), 0);
  const isOver = now >= periodEnd;
  const first = Math.max(periodStart, now - AGE_MAX, previous + MICROS_PER_SECOND);
  const from = ceilTo(isOver ? Math.max(first, periodEnd - RESERVED) : first, MICROS_PER_SECOND);
  const last = (isOver ? periodEnd : periodEnd - RESERVED) - MICROS_PER_SECOND;
  const until = Math.min(ceilTo(last, MICROS_PER_SECOND), floorTo(now, MICROS_PER_SECOND));
  if (from > until) return undefined;
  return isOver ? from : until;
}

function floorTo(instant: Micros, unit: Micros): Micros {
  return Math.floor(instant / unit) * unit;
}

function ceilTo(instant: Micros, unit: Micros): Micros {
  return Math.ceil(instant / unit) * unit;
}
