import { isLargestPart, isRepresentable } from '../domain/split-decimal.js';
import { MICROS_PER_HOUR, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { LedgerRow } from './ledger.query.js';
import type { PeriodPush } from './period-pushes.store.js';

/**
 * No recording and no plan takes longer between its time and its commit: the server ends statements
 * before that. What lies further apart was seen.
 */
const COMMITTED_AFTER = 60 * MICROS_PER_SECOND;

/** A push by which Stripe was told of an entry, or was to be. */
export interface Carrier {
  readonly push: PeriodPush;
  /** False where the two came so close together that either may have been first. */
  readonly certain: boolean;
}

/**
 * The pushes that an entry went out with. A push tells what an hour or a period comes to, or what
 * that changed by; so it is the first of its lane that was planned after the entry was there, and,
 * where that one was taken back, those that were made in its place.
 *
 * @param pushes Of the entry's period, in the order they were planned.
 */
export function carriersOf(entry: LedgerRow, pushes: readonly PeriodPush[]): Carrier[] {
  if (!entry.billable || entry.periodEnd === null) return [];
  const hour = hourOf(entry, entry.periodEnd);
  // What is pushed of a whole period leaves these hours out.
  const isLeftOut = Math.max(hour, entry.periodStart) < (entry.pushFrom ?? -Infinity);
  const fitting = pushes.filter(
    (push) => push.purpose === 'usage' && (push.hour === null ? !isLeftOut : push.hour === hour),
  );
  const laneIds = [...new Set(fitting.map(({ laneId }) => laneId))];
  return laneIds.flatMap((laneId) => {
    const carriers: Carrier[] = [];
    let isDoubtful = false;
    for (const push of withoutShadows(fitting.filter((each) => each.laneId === laneId))) {
      const found = carriers.at(-1)?.push;
      // Of one plan there may be several, as many as the digits need.
      if (found !== undefined && found.createdAt !== push.createdAt) {
        const isRest = isCutShort(entry, found);
        if (!isRest && found.notCounted !== 'replaced') break;
        isDoubtful ||= isRest;
      }
      const seen = seenBy(entry, push);
      if (seen === 'hardly') isDoubtful = true;
      else if (seen !== 'no') carriers.push({ push, certain: seen === 'yes' && !isDoubtful });
    }
    const last = carriers.at(-1);
    if (last === undefined || !isCutShort(entry, last.push)) return carriers;
    return [...carriers.slice(0, -1), { ...last, certain: false }];
  });
}

/**
 * Whether a push that ends a plan may have left digits of the entry to the next one, as where the
 * hour had no minute left by then: the last part of a value reaches down to its last digit.
 */
function isCutShort({ value }: LedgerRow, push: PeriodPush): boolean {
  if (push.kind === 'total') return false;
  if (isLargestPart(push.value)) return true;
  const whole = (decimal: string): string => decimal.replace(/^-|\..*$/g, '');
  const fractionDigits = value.split('.')[1]?.length ?? 0;
  return !isRepresentable(`${whole(push.value)}.${'0'.repeat(fractionDigits)}`);
}

/** What was never to be sent tells of an entry only as long as nothing else does. */
function withoutShadows(pushes: readonly PeriodPush[]): readonly PeriodPush[] {
  const sent = pushes.filter(({ status }) => status !== 'shadow');
  return sent.length > 0 ? sent : pushes;
}

/** Whether the entry was there when the push was planned. */
function seenBy(entry: LedgerRow, push: PeriodPush): 'yes' | 'likely' | 'hardly' | 'no' {
  const { createdAt, firstAttemptAt, closes } = push;
  // What comes to a closed period counts from when its amendment is frozen.
  const thereAt = entry.revision === 0 ? entry.receivedAt : entry.amendedAt;
  if (thereAt === null) return 'no';
  // The statement has all of its entries, or it would not be written.
  if (entry.revision === 0 && closes) return 'yes';
  if (thereAt > createdAt) {
    const isPlanned = thereAt > (firstAttemptAt ?? createdAt + COMMITTED_AFTER);
    return isPlanned ? 'no' : 'hardly';
  }
  return thereAt + COMMITTED_AFTER < createdAt ? 'yes' : 'likely';
}

/** The hour of the period that its usage is pushed in; what is carried in belongs to the first. */
function hourOf({ occurredAt, periodStart }: LedgerRow, periodEnd: Micros): Micros {
  const whole = (at: Micros): Micros => Math.floor(at / MICROS_PER_HOUR) * MICROS_PER_HOUR;
  return Math.min(Math.max(whole(occurredAt), whole(periodStart)), whole(periodEnd - 1));
}
