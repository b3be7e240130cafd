import type { Micros } from '../domain/instant.js';

/** What makes Stripe's figure another one than ours. */
export const DIFFERENCE_CAUSES = [
  /** We were told that it arrived, and its minute is empty. */
  'missing',
  /** Usage in a minute where we have none, or beside ours. */
  'foreign',
  /** Counted, though we do not know, or hold that it was not. */
  'pending',
  'sending',
  'unknown',
  'disputed',
  'rejected',
  /** What was pushed to make up for a drift before. */
  'repair',
  /** Not looked into: too many hours differ. */
  'unexplained',
] as const;
export type DifferenceCause = (typeof DIFFERENCE_CAUSES)[number];

/** One part of a difference. */
export interface Difference {
  readonly cause: DifferenceCause;
  /** The push it is about. */
  readonly identifier: string | null;
  readonly hour: Micros | null;
  readonly minute: Micros | null;
  /** What of the drift it explains: below zero where Stripe lacks something. */
  readonly value: string;
}

/** An hour, as far as the lane's period has it. */
export interface HourPair {
  readonly hour: Micros;
  readonly ours: string;
  readonly stripe: string;
}

/** A delivery that Stripe was seen to have counted. */
export interface Proven {
  readonly identifier: string;
  readonly transitionNo: number;
}

/** What Stripe holds of a lane beside what we hold that it does. */
export interface LaneReading {
  /** Delivered and confirmed usage. */
  readonly ours: string;
  /** Sent, and not known to have arrived. */
  readonly unsettled: string;
  readonly stripe: string;
  /** The hours that differ. */
  readonly hours: readonly HourPair[];
  readonly differences: readonly Difference[];
  readonly proven: readonly Proven[];
  /** Two reads of the same did not agree: Stripe is still counting. */
  readonly isMoving: boolean;
}

const LANE_VERDICTS = ['matched', 'lagging', 'drift'] as const;
export type LaneVerdict = (typeof LANE_VERDICTS)[number];

/** With what is said of a lane that could not be read. */
export const READ_VERDICTS = [...LANE_VERDICTS, 'unreadable'] as const;
export type ReadVerdict = (typeof READ_VERDICTS)[number];

export interface LagRules {
  readonly stableFor: Micros;
  readonly now: Micros;
  /** When each push was last sent, by identifier. */
  readonly sentAt: ReadonlyMap<string, Micros>;
}

/** What can still be lag, as all that differs was sent just now, is none of a drift. */
export function judgeLane(reading: LaneReading, rules: LagRules): LaneVerdict {
  if (reading.isMoving) return 'lagging';
  if (reading.hours.length === 0) return 'matched';
  const isYoung = ({ identifier }: Difference): boolean => {
    const sentAt = identifier === null ? undefined : rules.sentAt.get(identifier);
    return sentAt !== undefined && rules.now - sentAt < rules.stableFor;
  };
  const { differences } = reading;
  return differences.length > 0 && differences.every(isYoung) ? 'lagging' : 'drift';
}
