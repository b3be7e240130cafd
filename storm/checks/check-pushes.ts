import type { LedgerEntry, RejectionEntry } from '@countonce/stripe-simulator';
import { shown, type Books, type PushRow } from './books.js';
import { decimalOf, unitsOf } from './exact.js';
import { FOREIGN } from './foreign.js';
import { isKnownMissing, isMadeUpFor, isToldByAnother } from './missing-push.js';

/** When a history ends; the quiet end itself takes some days. */
const REPAIRABLE_MS = 33 * 24 * 3_600_000;

/** When a history ended, and in which mode of Stripe's. */
export interface End {
  readonly nowMs: number;
  readonly livemode: boolean;
}

/** Holds each push against what Stripe counted under its name. */
export function checkPushes(
  books: Pick<Books, 'pushes' | 'periods' | 'holds' | 'readings'>,
  ledger: readonly LedgerEntry[],
  rejections: readonly RejectionEntry[],
  end: End,
): string[] {
  const { pushes } = books;
  const counted = new Map<string, LedgerEntry[]>();
  for (const entry of ledger) {
    if (entry.cancelled || entry.identifier.startsWith(FOREIGN)) continue;
    counted.set(entry.identifier, [...(counted.get(entry.identifier) ?? []), entry]);
  }
  const refused = new Set(rejections.map(({ identifier }) => identifier));
  const known = new Set(pushes.map(({ identifier }) => identifier));
  const strays = [...counted.keys()].filter((identifier) => !known.has(identifier));
  return [
    ...strays.map((identifier) => `Stripe counted ${identifier}, which no row names`),
    ...pushes.flatMap((push) =>
      faultsOf(push, counted.get(push.identifier) ?? [], {
        isRefused: refused.has(push.identifier),
        isOutdated: isOutdated(push, pushes),
        isRepairable:
          isReadable(push, end) &&
          !isKnownMissing(push, books, ledger, end.nowMs) &&
          !isToldByAnother(push, books, ledger) &&
          !isMadeUpFor(push, pushes, ledger),
      }),
    ),
  ];
}

/**
 * What went to the other mode, the key of this one cannot read; nor is repaired what was refused
 * without a word so long ago that Stripe takes no timestamps of that time.
 */
export function isReadable(push: PushRow, { nowMs, livemode }: End): boolean {
  return push.livemode === livemode && push.timestamp / 1_000 > nowMs - REPAIRABLE_MS;
}

interface Standing {
  /** After a 200. */
  readonly isRefused: boolean;
  readonly isOutdated: boolean;
  /** Where Stripe refused it, that could have been found out and made good. */
  readonly isRepairable: boolean;
}

/** A total that a later one stands above: what became of it says nothing any more. */
export function isOutdated(push: PushRow, pushes: readonly PushRow[]): boolean {
  return (
    push.kind === 'total' &&
    pushes.some(
      ({ laneId, kind, sequence, status }) =>
        laneId === push.laneId &&
        kind === 'total' &&
        sequence > push.sequence &&
        (status === 'delivered' || status === 'confirmed'),
    )
  );
}

function faultsOf(
  push: PushRow,
  counted: readonly LedgerEntry[],
  { isRefused, isOutdated: isOld, isRepairable }: Standing,
): string[] {
  const { identifier, status } = push;
  const name = `push ${identifier} (${status}, value ${decimalOf(unitsOf(push.value))}, minute ${shown(push.timestamp)})`;
  const faults = counted
    .flatMap((entry) => differences(push, entry))
    .map((what) => `${name}: ${what}`);
  if (counted.length > 1) faults.push(`${name} is counted ${counted.length} times`);
  switch (status) {
    case 'delivered':
    case 'confirmed':
      if (counted.length === 0 && (isRepairable || !isRefused) && !(isOld && isRefused)) {
        const why = isRefused ? ': Stripe refused it after its 200' : '';
        faults.push(`${name} is not counted${why}`);
      }
      break;
    case 'rejected':
      if (counted.length > 0 && !isOld) faults.push(`${name} is counted all the same`);
      break;
    case 'pending':
    case 'shadow':
      if (counted.length > 0) faults.push(`${name} is counted all the same`);
      break;
    case 'sending':
      faults.push(`${name} is on its way for ever`);
      break;
    default:
  }
  return faults;
}

function differences(push: PushRow, entry: LedgerEntry): string[] {
  const pairs = [
    ['value', decimalOf(unitsOf(push.value)), decimalOf(unitsOf(entry.value))],
    ['timestamp', push.timestamp / 1_000_000, entry.timestamp],
    ['customer', push.stripeCustomerId, entry.customer],
    ['event name', push.eventName, entry.event_name],
    ['mode', push.livemode, entry.livemode],
  ] as const;
  return pairs
    .filter(([, ours, theirs]) => ours !== theirs)
    .map(([what, ours, theirs]) => `${what} ${ours}, at Stripe ${theirs}`);
}
