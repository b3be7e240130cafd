import { Big } from 'big.js';
import type { CountedEvent } from './event-log.js';
import type { Meter } from './meter.js';
import type { Switches } from './switches.js';

export const HOUR_SECONDS = 60 * 60;
export const DAY_SECONDS = 24 * HOUR_SECONDS;

/** What summaries show of an event log at a moment: aggregated by then and not yet cancelled. */
export function visibleAt(events: readonly CountedEvent[], asOfMs: number): CountedEvent[] {
  return events.filter((event) => event.aggregatedAtMs <= asOfMs && event.uncountedAtMs > asOfMs);
}

/** Aggregates exactly. Events come in order of receipt. */
export function aggregate(
  meter: Meter,
  events: readonly CountedEvent[],
  lastTie: Switches['lastTie'],
): Big {
  const kept = meter.event_time_window
    ? latestOfEachWindow(meter.event_time_window, events)
    : events;
  switch (meter.default_aggregation.formula) {
    case 'sum':
      return sumOf(kept);
    case 'count':
      return new Big(kept.length);
    case 'last':
      return lastOf(kept, lastTie)?.value ?? new Big(0);
  }
}

export function sumOf(events: readonly CountedEvent[]): Big {
  return events.reduce((sum, event) => sum.plus(event.value), new Big(0));
}

/** The event received last in each UTC hour or day overwrites the others. */
function latestOfEachWindow(
  window: 'hour' | 'day',
  events: readonly CountedEvent[],
): CountedEvent[] {
  const seconds = window === 'hour' ? HOUR_SECONDS : DAY_SECONDS;
  const latest = new Map<number, CountedEvent>();
  for (const event of events) latest.set(Math.floor(event.timestamp / seconds), event);
  return [...latest.values()];
}

/** The latest by timestamp; of equal ones the one received first or last. */
function lastOf(
  events: readonly CountedEvent[],
  tie: Switches['lastTie'],
): CountedEvent | undefined {
  let last: CountedEvent | undefined;
  for (const event of events) {
    const isLater = !last || event.timestamp > last.timestamp;
    if (isLater || (tie === 'last' && event.timestamp === last?.timestamp)) last = event;
  }
  return last;
}
