import type { Micros } from './instant.js';
import type { PropertyValue, UsageEvent } from './usage-event.js';

export const AGGREGATIONS = ['sum', 'count', 'max', 'last', 'unique_count'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

export const PUSH_MODES = ['off', 'shadow', 'live'] as const;
export type PushMode = (typeof PUSH_MODES)[number];

export const LATE_USAGE_POLICIES = ['carry_forward', 'amend', 'reject'] as const;
export type LateUsagePolicy = (typeof LATE_USAGE_POLICIES)[number];

/** A meter under one version of its settings. */
export interface Meter {
  readonly meterNo: number;
  readonly key: string;
  readonly version: number;
  readonly aggregation: Aggregation;
  readonly displayName: string | null;
  readonly unit: string | null;
  readonly eventTypes: readonly string[];
  /** `quantity`, or the property whose value is counted. */
  readonly valueProperty: string;
  /** The property whose distinct values `unique_count` counts; null for the others. */
  readonly uniqueProperty: string | null;
  /** An event counts where each of these properties has one of its values, compared as text. */
  readonly filter: Readonly<Record<string, readonly string[]>>;
  readonly dimensions: readonly string[];
  readonly carryLast: boolean;
  readonly stripeEventName: string | null;
  readonly push: PushMode;
  readonly pushFrom: Micros | null;
  /** Usage before it is recorded and shown, but in no statement. */
  readonly billingStartsAt: Micros | null;
  readonly lateUsage: LateUsagePolicy;
  readonly archived: boolean;
}

/** Whether totals of parts add up to the total of the whole, so that late usage can be carried forward. */
export function isAdditive(aggregation: Aggregation): boolean {
  return aggregation === 'sum' || aggregation === 'count';
}

/** Whether the meter's aggregation reads a value from the event. */
export function readsValue(aggregation: Aggregation): boolean {
  return aggregation === 'sum' || aggregation === 'max' || aggregation === 'last';
}

export function textOf(value: PropertyValue): string {
  return String(value);
}

/** A property the event itself has: a meter may name `constructor`, and an event need not have it. */
export function propertyOf(
  properties: UsageEvent['properties'],
  name: string,
): PropertyValue | undefined {
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** Whether an event of a type the meter listens to counts in it. */
export function passesFilter(meter: Meter, properties: UsageEvent['properties']): boolean {
  for (const property of Object.keys(meter.filter)) {
    const value = propertyOf(properties, property);
    if (value === undefined || !meter.filter[property]!.includes(textOf(value))) return false;
  }
  return true;
}

/**
 * The group an event belongs to, as a JSON array of texts in the order of the meter's dimensions;
 * null stands for a property that the event lacks.
 */
export function dimensionsOf(meter: Meter, properties: UsageEvent['properties']): string {
  if (meter.dimensions.length === 0) return '[]';
  return JSON.stringify(
    meter.dimensions.map((name) => {
      const value = propertyOf(properties, name);
      return value === undefined ? null : textOf(value);
    }),
  );
}
