import { canonicalDecimal, decimalOfNumber } from './decimal.js';
import { jsonPointer } from './json-pointer.js';
import { dimensionsOf, passesFilter, propertyOf, readsValue, textOf, type Meter } from './meter.js';
import type { UsageEvent } from './usage-event.js';

/** What one event counts in one meter. */
export interface Counted {
  readonly meter: Meter;
  /** Canonical decimal; `1` where the aggregation counts events or distinct values. */
  readonly quantity: string;
  /** The text whose distinct occurrences `unique_count` counts. */
  readonly uniqueValue: string | undefined;
  readonly dimensions: string;
}

/** Why an event cannot be recorded, with the JSON pointer of the member at fault. */
export interface Fault {
  readonly code: string;
  readonly pointer: string;
  readonly detail: string;
}

/** The unarchived meters by each name that an event can call them by: their key and their event types. */
export function metersByEventType(meters: readonly Meter[]): ReadonlyMap<string, readonly Meter[]> {
  const byType = new Map<string, Meter[]>();
  for (const meter of meters) {
    if (meter.archived) continue;
    for (const type of new Set([meter.key, ...meter.eventTypes])) {
      const listening = byType.get(type);
      if (listening === undefined) byType.set(type, [meter]);
      else listening.push(meter);
    }
  }
  return byType;
}

/**
 * Decides what an event counts in each meter that listens to its type.
 *
 * An event whose type is known but that no meter's filter lets through counts nowhere and is still
 * recorded. One that lacks what a meter must read is at fault as a whole: counting it in some
 * meters only would make a later correction a conflict.
 */
export function countEvent(
  event: UsageEvent,
  byType: ReadonlyMap<string, readonly Meter[]>,
): Counted[] | Fault {
  const listening = byType.get(event.meter);
  if (listening === undefined) {
    return {
      code: 'unknown_meter',
      pointer: '/meter',
      detail:
        'No meter has this key or lists it in its event_types. Create it with PUT /v1/meters/:key and send the event again.',
    };
  }
  const counted: Counted[] = [];
  for (const meter of listening) {
    if (!passesFilter(meter, event.properties)) continue;
    const quantity = readsValue(meter.aggregation) ? valueFor(meter, event) : '1';
    if (typeof quantity !== 'string') return quantity;
    const unique =
      meter.uniqueProperty === null
        ? undefined
        : propertyOf(event.properties, meter.uniqueProperty);
    if (meter.uniqueProperty !== null && unique === undefined) {
      return missingProperty(meter, meter.uniqueProperty);
    }
    counted.push({
      meter,
      quantity,
      uniqueValue: unique === undefined ? undefined : textOf(unique),
      dimensions: dimensionsOf(meter, event.properties),
    });
  }
  return counted;
}

function valueFor(meter: Meter, event: UsageEvent): string | Fault {
  if (meter.valueProperty === 'quantity') {
    return (
      event.quantity ?? {
        code: 'quantity_required',
        pointer: '/quantity',
        detail: `The meter ${meter.key} reads a quantity; send it as a decimal string.`,
      }
    );
  }
  const value = propertyOf(event.properties, meter.valueProperty);
  if (value === undefined) return missingProperty(meter, meter.valueProperty);
  const decimal =
    typeof value === 'number' ? decimalOfNumber(value) : canonicalDecimal(textOf(value));
  return (
    decimal ?? {
      code: 'property_not_decimal',
      pointer: jsonPointer('properties', meter.valueProperty),
      detail: `The meter ${meter.key} reads a decimal here: a string of at most 15 integer and 12 fraction digits.`,
    }
  );
}

function missingProperty(meter: Meter, property: string): Fault {
  return {
    code: 'property_required',
    pointer: jsonPointer('properties', property),
    detail: `The meter ${meter.key} reads this property; send the event with it.`,
  };
}
