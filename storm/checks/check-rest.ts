import type { LedgerEntry } from '@countonce/stripe-simulator';
import { isOutdated } from './check-pushes.js';
import { isSamePeriod, type Books, type PushRow } from './books.js';
import { FOREIGN } from './foreign.js';
import { isPassedBy } from './missing-push.js';

const MINUTE_S = 60;
const REPLACEABLE_MS = 33 * 24 * 3_600_000;

/** After the quiet end nothing waits, and nothing is unknown that could be known. */
export function checkRest(
  { pushes, periods, holds }: Books,
  ledger: readonly LedgerEntry[],
  { nowMs, livemode }: { nowMs: number; livemode: boolean },
): string[] {
  return pushes.flatMap((push) => {
    const name = `push ${push.identifier} of ${push.stripeCustomerId}, ${push.eventName}`;
    // What went to the other mode, the key of this one can neither send again nor read.
    if (push.replaced || isOldTotal(push, nowMs) || push.livemode !== livemode) return [];
    if (push.kind === 'total' && push.status !== 'pending') {
      // The next total stands above it, and it can only be told where there is a way for one.
      const isHeld = push.parked || holds.some((hold) => isSamePeriod(hold, push));
      if (!push.active || push.superseded || isHeld || isOutdated(push, pushes)) return [];
      if (push.status === 'unknown' && isUnderOpen(push, pushes)) return [];
    }
    switch (push.status) {
      case 'pending': {
        const period = periods.find((one) => isSamePeriod(one, push));
        // A lane that Stripe refused waits for somebody to repair what it was refused for.
        return period?.mode === 'live' && !push.parked ? [`${name} is pending for ever`] : [];
      }
      case 'unknown':
      case 'disputed':
        return isUnknowable(push, pushes, ledger, nowMs)
          ? []
          : [`${name} is ${push.status} for ever`];
      default:
        return [];
    }
  });
}

/** Of a total, the next one cannot find a timestamp that Stripe still takes. */
function isOldTotal(push: PushRow, nowMs: number): boolean {
  return push.kind === 'total' && push.timestamp / 1_000 < nowMs - REPLACEABLE_MS;
}

/** Of a total, a later one is open: what becomes of that one is judged, and then of this one. */
function isUnderOpen(push: PushRow, pushes: readonly PushRow[]): boolean {
  return pushes.some(
    ({ laneId, kind, sequence, status }) =>
      laneId === push.laneId &&
      kind === 'total' &&
      sequence > push.sequence &&
      (status === 'unknown' || status === 'disputed'),
  );
}

/** Nothing later showed how far Stripe has come, or somebody else wrote into its minute. */
function isUnknowable(
  push: PushRow,
  pushes: readonly PushRow[],
  ledger: readonly LedgerEntry[],
  nowMs: number,
): boolean {
  const minute = Math.floor(push.timestamp / 1e6 / MINUTE_S);
  const isCrowded = ledger.some(
    ({ identifier, customer, event_name: eventName, timestamp }) =>
      identifier.startsWith(FOREIGN) &&
      customer === push.stripeCustomerId &&
      eventName === push.eventName &&
      Math.floor(timestamp / MINUTE_S) === minute,
  );
  return isCrowded || !isPassedBy(push, pushes, ledger, nowMs);
}
