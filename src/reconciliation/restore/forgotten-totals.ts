import {
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
  type Micros,
} from '../../domain/instant.js';
import type { BillingPeriod } from '../../domain/billing-period.js';
import { isArrived, minuteOf } from '../delta-reading.js';
import type { LanePush } from '../lane.store.js';
import type { MinuteReads, MinuteUsage } from '../minute-reads.js';
import type { Finding } from './forgotten-deltas.js';

const NOTHING: Finding = { arrived: [], forgotten: [], unexplained: [] };

/**
 * Finds whether the last total of a period is one that we do not know of. Only that one counts, and
 * only that it was there matters to those that come after it, which need a later timestamp.
 *
 * @param shown What each hour of the place ends with.
 */
export async function findTotal(
  period: BillingPeriod,
  pushes: readonly LanePush[],
  shown: ReadonlyMap<Micros, string>,
  reads: MinuteReads,
  now: Micros,
): Promise<Finding> {
  const last = await lastOf(period, shown, reads, now);
  if (last === undefined) return NOTHING;
  const own = pushes.filter(({ timestamp }) => timestamp >= period.start && timestamp < period.end);
  const newest = latest(own.filter(isArrived));
  if (newest !== undefined) {
    const newestMinute = minuteOf(newest);
    const isKnown = newestMinute === last.minute && newest.value === last.value;
    if (isKnown || newestMinute > last.minute) return NOTHING;
  }
  const known = own.find(
    (push) => !isArrived(push) && minuteOf(push) === last.minute && push.value === last.value,
  );
  if (known !== undefined) return { ...NOTHING, arrived: [known] };
  const end = Math.ceil(period.end / MICROS_PER_SECOND) * MICROS_PER_SECOND;
  const used = new Set(own.map(({ timestamp }) => timestamp));
  // The last second of its minute that is in the period: wherever in the minute it was, a later
  // one comes after it.
  let timestamp = Math.min(last.minute + MICROS_PER_MINUTE, end) - MICROS_PER_SECOND;
  while (used.has(timestamp)) timestamp -= MICROS_PER_SECOND;
  return { ...NOTHING, forgotten: [{ kind: 'total', timestamp, value: last.value }] };
}

/** The minute of the last total of a period. A total of 0 shows in no minute: it is put last. */
async function lastOf(
  { start, end }: BillingPeriod,
  shown: ReadonlyMap<Micros, string>,
  reads: MinuteReads,
  now: Micros,
): Promise<MinuteUsage | undefined> {
  const first = ceilMinute(start);
  const beyond = Math.min(floorMinute(end), floorMinute(now) + MICROS_PER_MINUTE);
  const hours = [...shown.keys()].filter((hour) => hour + MICROS_PER_HOUR > first && hour < beyond);
  for (const hour of hours.sort((one, other) => other - one)) {
    const from = Math.max(hour, first);
    const to = Math.min(hour + MICROS_PER_HOUR, beyond);
    const isWhole = from === hour && to === hour + MICROS_PER_HOUR;
    const value = isWhole ? shown.get(hour)! : await reads.total(from, to);
    if (value !== '0') return { minute: await lastMinute(from, to, reads), value };
    if (isWhole) return { minute: to - MICROS_PER_MINUTE, value };
  }
  return undefined;
}

/** By halves: the later half ends with the last total, unless it is empty. */
async function lastMinute(from: Micros, to: Micros, reads: MinuteReads): Promise<Micros> {
  let [start, end] = [from, to];
  while (end - start > MICROS_PER_MINUTE) {
    const minutes = (end - start) / MICROS_PER_MINUTE;
    const middle = start + Math.floor(minutes / 2) * MICROS_PER_MINUTE;
    if ((await reads.total(middle, end)) === '0') end = middle;
    else start = middle;
  }
  return start;
}

function latest(pushes: readonly LanePush[]): LanePush | undefined {
  return pushes.reduce<LanePush | undefined>(
    (last, push) => (last === undefined || push.timestamp > last.timestamp ? push : last),
    undefined,
  );
}

function ceilMinute(instant: Micros): Micros {
  return Math.ceil(instant / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
}

function floorMinute(instant: Micros): Micros {
  return Math.floor(instant / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
}
