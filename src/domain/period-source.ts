import { periodInTimeline, type BillingPeriod, type ScheduleTimeline } from './billing-period.js';
import type { Micros } from './instant.js';
import { clip, itemPeriodAt, type BillingItem } from './item-period.js';

export const BILLING_SOURCES = ['schedule', 'stripe'] as const;
export type BillingSource = (typeof BILLING_SOURCES)[number];

/** Source i holds from effectiveFrom_i until the next one's; before the first one, the schedule. */
export interface SourceSegment {
  readonly effectiveFrom: Micros;
  readonly source: BillingSource;
}

/** Where the billing periods of one customer and one meter come from. */
export interface PeriodSource {
  readonly schedule: ScheduleTimeline;
  readonly segments: readonly SourceSegment[];
  readonly items: readonly BillingItem[];
}

export interface SourcedPeriod extends BillingPeriod {
  /** Its end is Stripe's to say. */
  readonly ofItem: boolean;
}

/** The period that holds an instant. Where no item prices the meter, the schedule's, cut to the gap. */
export function periodOfSource(source: PeriodSource, at: Micros): SourcedPeriod {
  const index = source.segments.findLastIndex(({ effectiveFrom }) => effectiveFrom <= at);
  const from = source.segments[index]?.effectiveFrom ?? -Infinity;
  const until = source.segments[index + 1]?.effectiveFrom ?? Infinity;
  const ofItem = source.segments[index]?.source === 'stripe';
  const period = ofItem ? periodOfItems(source, at) : periodInTimeline(source.schedule, at);
  return { ...clip(period, from, until), ofItem };
}

function periodOfItems({ items, schedule }: PeriodSource, at: Micros): BillingPeriod {
  const found = itemPeriodAt(items, at);
  if (!('isGap' in found)) return found;
  return clip(periodInTimeline(schedule, at), found.start, found.end);
}

/** Each version overrides what comes after its start, as versions of a schedule do. */
export function withSegment(
  segments: readonly SourceSegment[],
  segment: SourceSegment,
): SourceSegment[] {
  return [...segments.filter((each) => each.effectiveFrom < segment.effectiveFrom), segment];
}

/** What was asked for last. */
export function latestSource(segments: readonly SourceSegment[]): BillingSource {
  return segments.at(-1)?.source ?? 'schedule';
}
