import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { isRepresentable } from '../domain/split-decimal.js';
import { explainHour, type ExplainedHour } from './hour-explanation.js';
import type { Difference, HourPair, LaneReading, Proven } from './lane-reading.js';
import type { LanePush, ReadLane } from './lane.store.js';
import type { MinuteReads } from './minute-reads.js';

/** Hours that are looked into, minute by minute; a lane in which more differ wants a person. */
const EXPLAINED_HOURS_MAX = 48;

/** What is known of a lane before Stripe is asked. */
export interface LaneBooks {
  readonly lane: ReadLane;
  /** Of every lane at the same place, in the hours of the period. */
  readonly pushes: readonly LanePush[];
  /** Whole UTC hours. */
  readonly from: Micros;
  readonly to: Micros;
}

interface ComparedHour {
  readonly hour: Micros;
  readonly pushes: readonly LanePush[];
  readonly ours: string;
  readonly stripe: string;
}

/** Whether a push is one that Stripe is held to have counted. */
export function isArrived({ status }: LanePush): boolean {
  return status === 'delivered' || status === 'confirmed';
}

/** Whether a push was sent and nobody knows what became of it. */
export function isUnsettled({ status }: LanePush): boolean {
  return status === 'sending' || status === 'unknown' || status === 'disputed';
}

/**
 * Reads a lane of deltas as a whole: its pushes lie in whole minutes of the period.
 *
 * @returns Nothing where that does not come to what it should, or cannot prove it.
 */
export async function readWhole(
  { lane, pushes, to }: LaneBooks,
  reads: MinuteReads,
): Promise<LaneReading | undefined> {
  const own = pushes.filter((push) => push.laneId === lane.laneId);
  const arrived = own.filter(isUsage).filter(isArrived);
  const ours = sumOf(arrived.map(valueOf));
  if (own.some(isUnsettled) || !own.every(isUsage) || !isRepresentable(ours)) return undefined;
  const start = Math.ceil(lane.periodStart / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
  const end = Math.floor(lane.periodEnd / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
  const stripe = await reads.total(start, Math.min(end, to));
  if (stripe !== ours) return undefined;
  const proven = arrived.filter(({ status }) => status === 'delivered');
  return { ours, unsettled: '0', stripe, hours: [], differences: [], proven, isMoving: false };
}

/**
 * Reads a lane of deltas by the hour. Hours that another lane shares are compared as a whole: all
 * that is ours there is known. What does not agree is looked into by the minute.
 */
export async function readDeltas(books: LaneBooks, reads: MinuteReads): Promise<LaneReading> {
  const { lane, pushes, from, to } = books;
  const shown = await reads.hours(from, to);
  const hours = comparedHours(books, shown);
  const suspect = hours.filter((hour) => !isAgreed(hour));
  const explained = new Map<Micros, ExplainedHour>();
  for (const hour of suspect.slice(0, EXPLAINED_HOURS_MAX)) {
    explained.set(hour.hour, await explainHour(lane, hour, reads));
  }
  const own = pushes.filter((push) => push.laneId === lane.laneId);
  const pairs = hours.map((hour) => pairOf(lane, hour, explained.get(hour.hour)));
  const differing = pairs.filter(({ ours, stripe }) => ours !== stripe);
  return {
    ours: sumOf(own.filter(isUsage).filter(isArrived).map(valueOf)),
    unsettled: sumOf(own.filter(isUsage).filter(isUnsettled).map(valueOf)),
    stripe: sumOf(pairs.map(({ stripe }) => stripe)),
    hours: differing,
    differences: pairs.flatMap((pair) => differencesOf(pair, explained.get(pair.hour))),
    proven: hours.flatMap((hour) => provenOf(lane, hour, explained.get(hour.hour))),
    isMoving: await isMoving(reads, differing, shown, explained),
  };
}

function comparedHours(
  { pushes, from, to }: LaneBooks,
  shown: ReadonlyMap<Micros, string>,
): ComparedHour[] {
  const byHour = new Map<Micros, LanePush[]>();
  for (const hour of shown.keys()) if (hour >= from && hour < to) byHour.set(hour, []);
  for (const push of pushes) {
    const hour = Math.floor(push.timestamp / MICROS_PER_HOUR) * MICROS_PER_HOUR;
    const known = byHour.get(hour);
    if (known === undefined) byHour.set(hour, [push]);
    else known.push(push);
  }
  return [...byHour]
    .sort(([one], [other]) => one - other)
    .map(([hour, inHour]) => ({
      hour,
      pushes: inHour,
      ours: sumOf(inHour.filter(isUsage).filter(isArrived).map(valueOf)),
      stripe: shown.get(hour) ?? '0',
    }));
}

/** A sum of more digits than a JSON number holds agrees only by its parts. */
function isAgreed({ pushes, ours, stripe }: ComparedHour): boolean {
  return ours === stripe && isRepresentable(ours) && !pushes.some(isUnsettled);
}

/** The hour as far as it is the lane's. */
function pairOf(
  lane: ReadLane,
  { hour, pushes, stripe }: ComparedHour,
  explained: ExplainedHour | undefined,
): HourPair {
  const own = pushes.filter((push) => push.laneId === lane.laneId && isUsage(push));
  const ours = sumOf(own.filter(isArrived).map(valueOf));
  if (explained !== undefined) return { hour, ours, stripe: explained.stripe };
  const others = pushes.filter((push) => push.laneId !== lane.laneId && isUsage(push));
  return { hour, ours, stripe: difference(stripe, sumOf(others.filter(isArrived).map(valueOf))) };
}

function differencesOf(pair: HourPair, explained: ExplainedHour | undefined): Difference[] {
  if (explained !== undefined) return [...explained.differences];
  const { hour, ours, stripe } = pair;
  if (ours === stripe) return [];
  const value = difference(stripe, ours);
  return [{ cause: 'unexplained', identifier: null, hour, minute: null, value }];
}

/**
 * A repair makes up for what others did, and for what they hid: an hour that agrees with one in it
 * says nothing of the pushes beside it.
 */
function provenOf(
  lane: ReadLane,
  hour: ComparedHour,
  explained: ExplainedHour | undefined,
): Proven[] {
  if (explained !== undefined) return [...explained.proven];
  if (!isAgreed(hour) || !hour.pushes.every(isUsage)) return [];
  return hour.pushes
    .filter((push) => push.laneId === lane.laneId && push.status === 'delivered')
    .map(({ identifier, transitionNo }) => ({ identifier, transitionNo }));
}

/** Reads once more what differs: lag ends, and a replica that is behind shows as one. */
async function isMoving(
  reads: MinuteReads,
  differing: readonly HourPair[],
  shown: ReadonlyMap<Micros, string>,
  explained: ReadonlyMap<Micros, ExplainedHour>,
): Promise<boolean> {
  if (differing.length === 0) return false;
  if ([...explained.values()].some((hour) => hour.isMoving)) return true;
  const again = await reads.hours(differing[0]!.hour, differing.at(-1)!.hour + MICROS_PER_HOUR);
  return differing.some(({ hour }) => (again.get(hour) ?? '0') !== (shown.get(hour) ?? '0'));
}

export function isUsage({ purpose }: LanePush): boolean {
  return purpose !== 'repair';
}

export function valueOf({ value }: LanePush): string {
  return value;
}

export function minuteOf({ timestamp }: LanePush): Micros {
  return Math.floor(timestamp / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
}
