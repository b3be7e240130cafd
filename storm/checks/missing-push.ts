import type { LedgerEntry } from '@countonce/stripe-simulator';
import { isSamePeriod, type Books, type PushRow } from './books.js';
import { total, unitsOf } from './exact.js';
import { FOREIGN } from './foreign.js';

const MINUTE = 60_000_000;
const HOUR = 60 * MINUTE;

/** What is open for days is read every few hours. */
const READ_WITHIN_MS = 12 * 3_600_000;

/**
 * Whether Stripe counted something of the same meter that was sent after a push: only that tells, of
 * a minute that shows nothing, that Stripe has come so far.
 */
export function isPassedBy(
  push: PushRow,
  pushes: readonly PushRow[],
  ledger: readonly LedgerEntry[],
  nowMs: number,
): boolean {
  return pushes.some(
    (other) =>
      other.eventName === push.eventName &&
      other.livemode === push.livemode &&
      other.kind === push.kind &&
      (other.status === 'delivered' || other.status === 'confirmed') &&
      // What was tried before may have been counted before.
      (other.firstAttemptAt ?? 0) > (push.lastAttemptAt ?? Infinity) &&
      (other.firstAttemptAt ?? 0) / 1_000 < nowMs - READ_WITHIN_MS &&
      ledger.some((entry) => entry.identifier === other.identifier && !entry.cancelled),
  );
}

/** A push that Stripe refused after its 200: the drift is known, and nobody can end it by now. */
export function isKnownMissing(
  push: PushRow,
  { pushes, periods, readings, holds }: Pick<Books, 'pushes' | 'periods' | 'readings' | 'holds'>,
  ledger: readonly LedgerEntry[],
  nowMs: number,
): boolean {
  // It is being read back, and nothing shows how far Stripe has come.
  if (readings.has(push.identifier) && !isPassedBy(push, pushes, ledger, nowMs)) return true;
  if (push.kind !== 'total') return false;
  // What was told after it may still arrive, which telling the total again would take back.
  const isHeldUp = pushes.some(
    (other) =>
      other.laneId === push.laneId &&
      other.sequence > push.sequence &&
      readings.has(other.identifier) &&
      !isPassedBy(other, pushes, ledger, nowMs),
  );
  if (isHeldUp) return true;
  const isLive = periods.find((period) => isSamePeriod(period, push))?.mode === 'live';
  const isInactive = holds.some(
    (hold) => isSamePeriod(hold, push) && hold.reason === 'meter_inactive',
  );
  return pushes.some(
    ({ laneId, purpose, status, value, sequence }) =>
      laneId === push.laneId &&
      purpose === 'repair' &&
      sequence > push.sequence &&
      unitsOf(value) === unitsOf(push.value) &&
      // It is told again once Stripe takes it or the period is pushed for real; or it was told again,
      // and refused as the first was: a meter that is not active takes nothing.
      ((status === 'pending' && (push.parked || !isLive)) || (status === 'disputed' && isInactive)),
  );
}

/** Of a total: Stripe's last value of the period is its value, told by another one before it. */
export function isToldByAnother(
  push: PushRow,
  { periods }: Pick<Books, 'periods'>,
  ledger: readonly LedgerEntry[],
): boolean {
  const period = periods.find((one) => isSamePeriod(one, push));
  if (push.kind !== 'total' || period === undefined) return false;
  const [last] = ledger
    .filter(
      ({ customer, event_name: eventName, livemode, timestamp, cancelled }) =>
        !cancelled &&
        customer === push.stripeCustomerId &&
        eventName === push.eventName &&
        livemode === push.livemode &&
        timestamp * 1e6 >= period.periodStart &&
        timestamp * 1e6 < period.periodEnd,
    )
    .sort((a, b) => b.timestamp - a.timestamp || b.receipt - a.receipt);
  return last !== undefined && unitsOf(last.value) === unitsOf(push.value);
}

/**
 * Of a delta in whose minute somebody else wrote: nobody can tell it refused from what is not ours
 * taken away. A repair made the hour right, and the push does not count as confirmed.
 */
export function isMadeUpFor(
  push: PushRow,
  pushes: readonly PushRow[],
  ledger: readonly LedgerEntry[],
): boolean {
  if (push.kind !== 'delta' || push.status !== 'delivered') return false;
  const isWithin = (unit: number, micros: number): boolean =>
    Math.floor(micros / unit) === Math.floor(push.timestamp / unit);
  const shown = ledger.filter(
    ({ customer, event_name: eventName, livemode, timestamp, cancelled }) =>
      !cancelled &&
      customer === push.stripeCustomerId &&
      eventName === push.eventName &&
      livemode === push.livemode &&
      isWithin(HOUR, timestamp * 1e6),
  );
  const isCrowded = shown.some(
    ({ identifier, timestamp }) =>
      identifier.startsWith(FOREIGN) && isWithin(MINUTE, timestamp * 1e6),
  );
  const ours = pushes.filter(
    ({ stripeCustomerId, eventName, livemode, timestamp, status }) =>
      stripeCustomerId === push.stripeCustomerId &&
      eventName === push.eventName &&
      livemode === push.livemode &&
      isWithin(HOUR, timestamp) &&
      (status === 'delivered' || status === 'confirmed'),
  );
  const usage = ours.filter(({ purpose }) => purpose === 'usage');
  return (
    isCrowded &&
    usage.length < ours.length &&
    total(usage.map(({ value }) => unitsOf(value))) ===
      total(shown.map(({ value }) => unitsOf(value)))
  );
}
