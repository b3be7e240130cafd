import { difference, sumOf } from '../../domain/decimal-arithmetic.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, type Micros } from '../../domain/instant.js';
import { isRepresentable } from '../../domain/split-decimal.js';
import { isArrived, minuteOf, valueOf } from '../delta-reading.js';
import type { LanePush } from '../lane.store.js';
import type { MinuteReads } from '../minute-reads.js';

/** Usage at Stripe that no push of ours carries. */
export interface ForgottenUsage {
  readonly kind: 'delta' | 'total';
  /** Nobody else's second. */
  readonly timestamp: Micros;
  readonly value: string;
}

/** What of an hour nothing explains: usage beside a push of ours, or one of ours that is gone. */
export interface UnexplainedHour {
  readonly hour: Micros;
  readonly value: string;
}

/** What was found at one place. */
export interface Finding {
  /** Pushes that have arrived, though we hold another thing of them. */
  readonly arrived: readonly LanePush[];
  readonly forgotten: readonly ForgottenUsage[];
  readonly unexplained: readonly UnexplainedHour[];
}

/**
 * Finds what a place of deltas got that we do not know of, hour by hour. Of an hour that comes to
 * what our deliveries come to nothing is read.
 */
export async function findDeltas(
  pushes: readonly LanePush[],
  reads: MinuteReads,
  { from, to }: { readonly from: Micros; readonly to: Micros },
): Promise<Finding> {
  const shown = await reads.hours(from, to);
  const byHour = new Map<Micros, LanePush[]>([...shown.keys()].map((hour) => [hour, []]));
  for (const push of pushes) {
    const hour = Math.floor(push.timestamp / MICROS_PER_HOUR) * MICROS_PER_HOUR;
    const known = byHour.get(hour);
    if (known === undefined) byHour.set(hour, [push]);
    else known.push(push);
  }
  const findings: Finding[] = [];
  for (const [hour, ours] of [...byHour].sort(([one], [other]) => one - other)) {
    findings.push(await findInHour(hour, ours, shown.get(hour) ?? '0', reads));
  }
  return {
    arrived: findings.flatMap(({ arrived }) => arrived),
    forgotten: findings.flatMap(({ forgotten }) => forgotten),
    unexplained: findings.flatMap(({ unexplained }) => unexplained),
  };
}

async function findInHour(
  hour: Micros,
  pushes: readonly LanePush[],
  stripe: string,
  reads: MinuteReads,
): Promise<Finding> {
  const known = sumOf(pushes.filter(isArrived).map(valueOf));
  const isExact = isRepresentable(known) && isRepresentable(stripe);
  if (isExact && known === stripe) return { arrived: [], forgotten: [], unexplained: [] };
  const arrived: LanePush[] = [];
  for (const push of pushes) {
    if (isArrived(push)) continue;
    if ((await reads.minute(minuteOf(push))) === push.value) arrived.push(push);
  }
  const rest = difference(stripe, sumOf([known, ...arrived.map(valueOf)]));
  const forgotten = await findBetween(hour, pushes, isExact ? rest : undefined, reads);
  const left = difference(rest, sumOf(forgotten.map(({ value }) => value)));
  const unexplained = isExact && left !== '0' ? [{ hour, value: left }] : [];
  return { arrived, forgotten, unexplained };
}

/** Looks between the minutes of our pushes, until all of the rest is found. */
async function findBetween(
  hour: Micros,
  pushes: readonly LanePush[],
  rest: string | undefined,
  reads: MinuteReads,
): Promise<ForgottenUsage[]> {
  const found: ForgottenUsage[] = [];
  const minutes = [...new Set(pushes.map(minuteOf))].sort((one, other) => one - other);
  let from = hour;
  for (const to of [...minutes, hour + MICROS_PER_HOUR]) {
    if (rest !== undefined && rest === sumOf(found.map(({ value }) => value))) break;
    for (const { minute, value } of await reads.usage(from, to)) {
      found.push({ kind: 'delta', timestamp: minute, value });
    }
    from = to + MICROS_PER_MINUTE;
  }
  return found;
}
