import { Temporal } from 'temporal-polyfill';
import {
  DEFAULT_SCHEDULE,
  type Schedule,
  type ScheduleTimeline,
} from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';

/** One version of a customer's schedule, as it is kept. */
export interface ScheduleVersion extends Schedule {
  /** 0, the epoch: from the beginning, in place of all versions before it. */
  readonly effectiveFrom: Micros;
}

/** Of customers whose schedule was never set; one object, since almost all share it. */
export const DEFAULT_TIMELINE: ScheduleTimeline = Object.freeze({
  segments: [{ effectiveFrom: -Infinity, schedule: DEFAULT_SCHEDULE }],
});

/** @param versions In the order in which they were made; each overrides what comes after its start. */
export function timelineOf(versions: readonly ScheduleVersion[]): ScheduleTimeline {
  return versions.reduce(withVersion, DEFAULT_TIMELINE);
}

export function withVersion(
  timeline: ScheduleTimeline,
  { effectiveFrom, ...schedule }: ScheduleVersion,
): ScheduleTimeline {
  const from = effectiveFrom === 0 ? -Infinity : effectiveFrom;
  const before = timeline.segments.filter((segment) => segment.effectiveFrom < from);
  return { segments: [...before, { effectiveFrom: from, schedule }] };
}

/** What was asked for last, and from when it holds; nothing stands for the beginning. */
export function latestSchedule(timeline: ScheduleTimeline): {
  readonly schedule: Schedule;
  readonly effectiveFrom: Micros | undefined;
} {
  const { schedule, effectiveFrom } = timeline.segments.at(-1)!;
  return { schedule, effectiveFrom: effectiveFrom === -Infinity ? undefined : effectiveFrom };
}

export function isSameSchedule(one: Schedule, other: Schedule): boolean {
  return (
    one.interval === other.interval &&
    one.intervalCount === other.intervalCount &&
    one.anchor === other.anchor &&
    one.timezone === other.timezone
  );
}

/** The anchor of the default schedule by the clocks of a time zone: midnight of Monday 2024-01-01. */
export function defaultAnchor(timezone: string): Micros {
  const midnight = Temporal.PlainDateTime.from('2024-01-01T00:00:00').toZonedDateTime(timezone);
  return midnight.epochMilliseconds * 1_000;
}
