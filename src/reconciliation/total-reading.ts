import { difference } from '../domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { isArrived, isUnsettled, isUsage, minuteOf, type LaneBooks } from './delta-reading.js';
import type { Difference, DifferenceCause, LaneReading } from './lane-reading.js';
import type { LanePush } from './lane.store.js';
import type { MinuteReads } from './minute-reads.js';

/** Two periods have totals in the minute that their boundary cuts: neither can be read there. */
export class SharedMinute extends Error {
  override readonly name = 'SharedMinute';

  constructor() {
    super('the last total lies in a minute that the next period shares');
  }
}

/**
 * Reads a lane of totals: Stripe holds the last one by timestamp, and that is compared.
 *
 * @throws SharedMinute
 */
export async function readTotals(books: LaneBooks, reads: MinuteReads): Promise<LaneReading> {
  const own = books.pushes.filter((push) => push.laneId === books.lane.laneId);
  const arrived = own.filter(isArrived);
  const newest = newestOf(arrived.filter(isUsage));
  const ours = newest?.value ?? '0';
  const { start, end } = stretchOf(books);
  const stripe = await reads.total(start, end);
  const unsettled = newestOf(own.filter(isUsage).filter(isUnsettled));
  const isAfter = unsettled !== undefined && unsettled.sequence > (newest?.sequence ?? 0);
  const result = {
    ours,
    unsettled: isAfter ? difference(unsettled.value, ours) : '0',
    stripe,
  };
  if (ours === stripe) {
    // A value of 0 shows the same as nothing at all.
    const isProven = newest?.status === 'delivered' && stripe !== '0';
    const proven = isProven ? [newest] : [];
    return { ...result, hours: [], differences: [], proven, isMoving: false };
  }
  const hour = floorHour((newest ?? own.at(-1))?.timestamp ?? start);
  return {
    ...result,
    hours: [{ hour, ours, stripe }],
    differences: [explain(own, newest, hour, { ours, stripe })],
    proven: [],
    isMoving: (await reads.total(start, end)) !== stripe,
  };
}

/** Whole minutes that hold the lane's totals and nobody else's. */
function stretchOf({ lane, pushes, to }: LaneBooks): { start: Micros; end: Micros } {
  const start = ceilMinute(lane.periodStart);
  const end = floorMinute(lane.periodEnd);
  if (end === lane.periodEnd) return { start, end: Math.min(end, to) };
  const inCut = pushes.filter((push) => minuteOf(push) === end);
  if (!inCut.some((push) => push.laneId === lane.laneId)) return { start, end: Math.min(end, to) };
  if (inCut.some((push) => push.laneId !== lane.laneId)) throw new SharedMinute();
  return { start, end: Math.min(end + MICROS_PER_MINUTE, to) };
}

/** An older total in the place of the newest that arrived means that this one is missing. */
function explain(
  own: readonly LanePush[],
  newest: LanePush | undefined,
  hour: Micros,
  { ours, stripe }: { ours: string; stripe: string },
): Difference {
  const value = difference(stripe, ours);
  const shown = own.filter((push) => push.value === stripe);
  const sequence = newest?.sequence ?? 0;
  const other = shown.find((push) => push.sequence > sequence && causeOf(push) !== undefined);
  const cause = other === undefined ? undefined : causeOf(other);
  if (other !== undefined && cause !== undefined) {
    const minute = minuteOf(other);
    return { cause, identifier: other.identifier, hour: floorHour(minute), minute, value };
  }
  const isOlder = shown.some((push) => push.sequence < sequence);
  if (newest !== undefined && (isOlder || stripe === '0')) {
    const { identifier } = newest;
    return { cause: 'missing', identifier, hour, minute: minuteOf(newest), value };
  }
  return { cause: 'foreign', identifier: null, hour: null, minute: null, value };
}

/** What a total is called that counts though it should not; a pending one is never seen. */
function causeOf({ status }: LanePush): DifferenceCause | undefined {
  return status === 'sending' ||
    status === 'unknown' ||
    status === 'disputed' ||
    status === 'rejected'
    ? status
    : undefined;
}

function newestOf(pushes: readonly LanePush[]): LanePush | undefined {
  return pushes.reduce<LanePush | undefined>(
    (newest, push) => (newest === undefined || push.sequence > newest.sequence ? push : newest),
    undefined,
  );
}

function ceilMinute(instant: Micros): Micros {
  return Math.ceil(instant / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
}

function floorMinute(instant: Micros): Micros {
  return Math.floor(instant / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
}

function floorHour(instant: Micros): Micros {
  return Math.floor(instant / MICROS_PER_HOUR) * MICROS_PER_HOUR;
}
