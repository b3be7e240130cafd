import { MICROS_PER_HOUR } from '../domain/instant.js';
import { isAdditive, type Aggregation, type Meter } from '../domain/meter.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import type { MeterSettings } from './meter.store.js';

/** What a PUT names: absent keeps its value, null clears to the default. */
export type MeterChange = {
  readonly [Field in keyof Omit<MeterSettings, 'archived' | 'aggregation'>]?:
    MeterSettings[Field] | null | undefined;
} & { readonly aggregation?: Aggregation | undefined };

/**
 * The settings that a PUT asks for; it also brings an archived meter back.
 *
 * What belongs to another aggregation alone falls away with it, unless it is asked for.
 *
 * @throws Problem where they contradict each other.
 */
export function changedSettings(
  key: string,
  current: Meter | undefined,
  change: MeterChange,
): MeterSettings {
  const aggregation = change.aggregation ?? current?.aggregation;
  if (aggregation === undefined) {
    throw refusal('/aggregation', 'required', 'aggregation is needed to make a meter');
  }
  if (change.pushFrom != null && change.pushFrom % MICROS_PER_HOUR !== 0) {
    const detail = 'push_from must be a full UTC hour, for usage is pushed by the hour';
    throw refusal('/push_from', 'invalid', detail);
  }
  return {
    aggregation,
    displayName: valueOf(change.displayName, current?.displayName, null),
    unit: valueOf(change.unit, current?.unit, null),
    eventTypes: valueOf(change.eventTypes, current?.eventTypes, [key]),
    valueProperty: valueOf(change.valueProperty, current?.valueProperty, 'quantity'),
    uniqueProperty: uniquePropertyOf(aggregation, current, change),
    filter: valueOf(change.filter, current?.filter, {}),
    dimensions: valueOf(change.dimensions, current?.dimensions, []),
    carryLast: carryLastOf(aggregation, current, change),
    stripeEventName: valueOf(change.stripeEventName, current?.stripeEventName, null),
    push: valueOf(change.push, current?.push, 'live'),
    pushFrom: valueOf(change.pushFrom, current?.pushFrom, null),
    billingStartsAt: valueOf(change.billingStartsAt, current?.billingStartsAt, null),
    lateUsage: lateUsageOf(aggregation, current, change),
    archived: false,
  };
}

/** The names, as on the wire, of what decides a meter's numbers and differs. */
export function changedMeaning(current: Meter, next: MeterSettings): string[] {
  const changed: string[] = [];
  if (current.aggregation !== next.aggregation) changed.push('aggregation');
  if (current.valueProperty !== next.valueProperty) changed.push('value_property');
  if (current.uniqueProperty !== next.uniqueProperty) changed.push('unique_property');
  const [before, after] = [current.dimensions, next.dimensions].map((names) =>
    JSON.stringify(names),
  );
  if (before !== after) changed.push('dimensions');
  return changed;
}

export function isSameSettings(current: Meter, next: MeterSettings): boolean {
  const fields = Object.keys(next) as (keyof MeterSettings)[];
  return fields.every((field) => canonicalText(current, field) === canonicalText(next, field));
}

/** A jsonb keeps no order of properties. */
function canonicalText(settings: MeterSettings, field: keyof MeterSettings): string {
  if (field !== 'filter') return JSON.stringify(settings[field]);
  const filter = Object.entries(settings.filter);
  return JSON.stringify(filter.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function uniquePropertyOf(
  aggregation: Aggregation,
  current: Meter | undefined,
  { uniqueProperty }: MeterChange,
): string | null {
  if (aggregation !== 'unique_count') {
    if (uniqueProperty === undefined || uniqueProperty === null) return null;
    const detail = `unique_property is only for unique_count, not for ${aggregation}`;
    throw refusal('/unique_property', 'invalid', detail);
  }
  const property = valueOf(uniqueProperty, current?.uniqueProperty, null);
  if (property !== null) return property;
  throw refusal('/unique_property', 'required', 'unique_count needs unique_property');
}

function carryLastOf(
  aggregation: Aggregation,
  current: Meter | undefined,
  { carryLast }: MeterChange,
): boolean {
  if (aggregation === 'last') return valueOf(carryLast, current?.carryLast, false);
  if (carryLast !== true) return false;
  throw refusal('/carry_last', 'invalid', `carry_last is only for last, not for ${aggregation}`);
}

function lateUsageOf(
  aggregation: Aggregation,
  current: Meter | undefined,
  { lateUsage }: MeterChange,
): MeterSettings['lateUsage'] {
  const usual = isAdditive(aggregation) ? 'carry_forward' : 'amend';
  const asked = valueOf(lateUsage, current?.lateUsage, usual);
  if (asked !== 'carry_forward' || isAdditive(aggregation)) return asked;
  if (lateUsage === undefined) return usual;
  const code = 'late_usage_not_additive';
  const detail = `late usage of ${aggregation} cannot be carried forward: use amend or reject`;
  throw new Problem(code, detail, { errors: [{ pointer: '/late_usage', code, detail }] });
}

function valueOf<Value>(
  asked: Value | null | undefined,
  current: Value | undefined,
  usual: Value,
): Value {
  if (asked === undefined) return current === undefined ? usual : current;
  return asked === null ? usual : asked;
}

function refusal(pointer: string, code: 'required' | 'invalid', detail: string): Problem {
  return new ValidationProblem([{ pointer, code, detail }]);
}
