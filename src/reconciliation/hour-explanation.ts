import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { isRepresentable } from '../domain/split-decimal.js';
import type { Difference, Proven } from './lane-reading.js';
import type { LanePush, ReadLane } from './lane.store.js';
import type { MinuteReads, MinuteUsage } from './minute-reads.js';

/** What an hour's minutes say of one lane. */
export interface ExplainedHour {
  /** What Stripe has in the lane's part of the hour. */
  readonly stripe: string;
  readonly differences: readonly Difference[];
  readonly proven: readonly Proven[];
  /** The minutes did not come to what the hour said. */
  readonly isMoving: boolean;
}

interface ReadPush {
  readonly push: LanePush;
  readonly minute: Micros;
  readonly read: string;
}

interface HourToExplain {
  readonly hour: Micros;
  readonly pushes: readonly LanePush[];
  readonly stripe: string;
}

/** Reads each push of an hour alone, and then what is between them. */
export async function explainHour(
  lane: ReadLane,
  { hour, pushes, stripe }: HourToExplain,
  reads: MinuteReads,
): Promise<ExplainedHour> {
  const own: ReadPush[] = [];
  for (const push of pushes) {
    const minute = Math.floor(push.timestamp / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
    own.push({ push, minute, read: await reads.minute(minute) });
  }
  const foreign = await foreignUsage(hour, own, stripe, reads);
  const total = sumOf([...own.map(({ read }) => read), ...foreign.map(({ value }) => value)]);
  const ofLane = own.filter(({ push }) => push.laneId === lane.laneId);
  const inPeriod = foreign.filter(({ minute }) => isInPeriod(lane, minute));
  return {
    stripe: sumOf([...ofLane.map(({ read }) => read), ...inPeriod.map(({ value }) => value)]),
    differences: [
      ...ofLane.flatMap((read) => differencesOf(hour, read)),
      ...inPeriod.map((usage) => foreignOf(hour, usage)),
    ],
    proven: ofLane.flatMap(provenOf),
    isMoving: isRepresentable(total) && isRepresentable(stripe) && total !== stripe,
  };
}

/** Between our minutes there should be nothing; where the sums are exact, they say whether there is. */
async function foreignUsage(
  hour: Micros,
  own: readonly ReadPush[],
  stripe: string,
  reads: MinuteReads,
): Promise<MinuteUsage[]> {
  const read = sumOf(own.map((push) => push.read));
  if (isRepresentable(read) && isRepresentable(stripe) && read === stripe) return [];
  const found: MinuteUsage[] = [];
  let from = hour;
  for (const { minute } of [...own].sort((one, other) => one.minute - other.minute)) {
    found.push(...(await reads.usage(from, minute)));
    from = minute + MICROS_PER_MINUTE;
  }
  return [...found, ...(await reads.usage(from, hour + MICROS_PER_HOUR))];
}

/** A minute belongs to the period that has its start. */
function isInPeriod({ periodStart, periodEnd }: ReadLane, minute: Micros): boolean {
  return minute >= periodStart && minute < periodEnd;
}

function differencesOf(hour: Micros, { push, minute, read }: ReadPush): Difference[] {
  const { identifier, status, purpose, value } = push;
  const of = { hour, minute };
  if (purpose === 'repair') {
    return read === '0' ? [] : [{ cause: 'repair', identifier, ...of, value: read }];
  }
  const isArrived = status === 'delivered' || status === 'confirmed';
  if (read === '0') {
    if (!isArrived) return [];
    return [{ cause: 'missing', identifier, ...of, value: difference('0', value) }];
  }
  if (read === value) {
    if (isArrived || status === 'shadow') return [];
    return [{ cause: status, identifier, ...of, value }];
  }
  const beside = isArrived ? difference(read, value) : read;
  return [{ cause: 'foreign', identifier: null, ...of, value: beside }];
}

function foreignOf(hour: Micros, { minute, value }: MinuteUsage): Difference {
  return { cause: 'foreign', identifier: null, hour, minute, value };
}

function provenOf({ push, read }: ReadPush): Proven[] {
  if (push.status !== 'delivered' || read !== push.value) return [];
  return [{ identifier: push.identifier, transitionNo: push.transitionNo }];
}
