import { MICROS_PER_SECOND, parseInstant, type Micros } from '../domain/instant.js';
import type { Meter } from '../domain/meter.js';
import type { UsageEvent } from '../domain/usage-event.js';
import { countEvent, metersByEventType } from '../domain/usage-match.js';
import type { Difference, Found } from './difference.js';
import type { EntrylessKey } from './registry.store.js';

/** A version of a meter's settings, and when the change to it began. */
export type MeterVersion = Meter & { readonly versionedAt: Micros };

/**
 * How long a change of settings may have waited for the gate: until then recorders went by the
 * version before.
 */
const GATE_WAIT_MAX = 120 * MICROS_PER_SECOND;

/**
 * Taken ids whose events count nowhere, though they should: no filter of that time kept them out.
 * An event whose details are gone tells nothing; what it counted, the totals still do.
 */
export function entrylessDifferences(
  keys: readonly EntrylessKey[],
  versions: readonly MeterVersion[],
): Found {
  const named = keys.flatMap((key) => {
    const counts = countsOf(key, versions);
    return counts.length === 0 ? [] : [difference(key, counts)];
  });
  return { count: named.length, named };
}

/** What the event counts by every version that may have been in force: nothing where one lets it pass. */
function countsOf(
  key: EntrylessKey,
  versions: readonly MeterVersion[],
): { meter: string; quantity: string }[] {
  const event = eventOf(key);
  if (event === undefined) return [];
  const receivedAt = parseInstant(key.received_at)!;
  const meterNos = [...new Set(versions.map(({ meterNo }) => meterNo))];
  return meterNos.flatMap((meterNo) => {
    const all = versions.filter((version) => version.meterNo === meterNo);
    const counted = inForce(all, receivedAt).map((meter) => {
      const result = countEvent(event, metersByEventType([meter]));
      return Array.isArray(result) ? result[0] : undefined;
    });
    const [first] = counted;
    if (first === undefined || counted.includes(undefined)) return [];
    return [{ meter: first.meter.key, quantity: first.quantity }];
  });
}

/** The newest version by then, and those before it that it may not have taken the place of yet. */
function inForce(all: readonly MeterVersion[], at: Micros): MeterVersion[] {
  const begun = all.filter(({ versionedAt }) => versionedAt <= at);
  return begun.filter((_, i) => {
    const next = begun[i + 1];
    return next === undefined || next.versionedAt > at - GATE_WAIT_MAX;
  });
}

function eventOf(key: EntrylessKey): UsageEvent | undefined {
  const { usage_event_id: usageEventId, source, customer_id: customerId, meter } = key;
  if (usageEventId === null || source === null || customerId === null || meter === null) {
    return undefined;
  }
  return {
    usageEventId,
    source,
    customerId,
    meter,
    quantity: key.quantity ?? undefined,
    occurredAt: key.occurred_at === null ? undefined : parseInstant(key.occurred_at),
    properties: key.properties ?? undefined,
  };
}

function difference(
  key: EntrylessKey,
  counts: readonly { meter: string; quantity: string }[],
): Difference {
  return {
    kind: 'key_without_entry',
    customerNo: key.customer_no,
    meterNo: null,
    periodStart: null,
    place: {
      event_key: key.event_key,
      usage_event_id: key.usage_event_id,
      source: key.source,
      occurred_at: key.occurred_at,
    },
    ledger: null,
    stored: { counts },
    mendable: false,
  };
}
