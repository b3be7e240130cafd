import type { Big } from 'big.js';
import { aggregate, DAY_SECONDS, HOUR_SECONDS, visibleAt } from './aggregation.js';
import { ApiError, noSuch } from './errors.js';
import type { CountedEvent } from './event-log.js';
import { derivedId, modePrefix } from './ids.js';
import { listOf, readPage } from './lists.js';
import type { Meter } from './meter.js';
import { meterOf } from './meters.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

const MINUTE_SECONDS = 60;

/** Half-open, unix seconds. */
interface Range {
  start: number;
  end: number;
}

/** `GET /v1/billing/meters/:id/event_summaries`, Stripe's only view of what it counted. */
export function summaryRoutes(world: World): Route[] {
  const path = '/v1/billing/meters/:id/event_summaries';
  return [{ method: 'GET', path, plan: (call) => planSummaries(world, call) }];
}

function planSummaries(world: World, { account, parameters, pathId }: Call): Plan {
  const customer = parameters.requiredText('customer', 5000);
  const range = {
    start: parameters.requiredInteger('start_time'),
    end: parameters.requiredInteger('end_time'),
  };
  const window = parameters.oneOf('value_grouping_window', ['hour', 'day'] as const);
  const page = readPage(parameters);
  parameters.end();
  checkRange(range, window);
  return {
    lane: null,
    execute: () => {
      const meter = meterOf(account, pathId);
      if (!world.customerExists(account, customer)) {
        throw noSuch('customer', customer, 'customer', 400);
      }
      const events = visibleAt(account.events.of(meter.id, customer), world.summaryReadAsOfMs());
      const inRange = events.filter(
        ({ timestamp }) => timestamp >= range.start && timestamp < range.end,
      );
      const summaryOf = (span: Range, group: readonly CountedEvent[]) => {
        const value = aggregate(meter, group, world.switches.lastTie);
        return toSummary(meter, customer, span, value);
      };
      const summaries = window
        ? perWindow(inRange, window).map(([span, group]) => summaryOf(span, group))
        : [summaryOf(range, inRange)];
      const url = `/v1/billing/meters/${meter.id}/event_summaries`;
      return listOf('billing meter event summary', url, summaries, page);
    },
  };
}

/** Stripe wants whole minutes, and whole UTC hours or days when it groups by them. */
function checkRange(range: Range, window: 'hour' | 'day' | undefined): void {
  const alignments = { hour: HOUR_SECONDS, day: DAY_SECONDS };
  const seconds = window ? alignments[window] : MINUTE_SECONDS;
  for (const [param, time] of [
    ['start_time', range.start],
    ['end_time', range.end],
  ] as const) {
    if (time % seconds === 0) continue;
    const message = `${param} must align with UTC ${window ?? 'minute'} boundaries.`;
    throw new ApiError(400, message, { param });
  }
  if (range.start >= range.end) {
    throw new ApiError(400, 'end_time must be after start_time.', { param: 'end_time' });
  }
}

/** Newest first, windows without usage left out. */
function perWindow(
  events: readonly CountedEvent[],
  window: 'hour' | 'day',
): [Range, CountedEvent[]][] {
  const seconds = window === 'hour' ? HOUR_SECONDS : DAY_SECONDS;
  const groups = new Map<number, CountedEvent[]>();
  for (const event of events) {
    const start = Math.floor(event.timestamp / seconds) * seconds;
    const group = groups.get(start);
    if (group) group.push(event);
    else groups.set(start, [event]);
  }
  return [...groups]
    .sort(([left], [right]) => right - left)
    .map(([start, group]) => [{ start, end: start + seconds }, group]);
}

/** The object does not say whose usage it is. The value is exact until it becomes a JSON number. */
function toSummary(meter: Meter, customer: string, { start, end }: Range, value: Big) {
  return {
    id: derivedId(modePrefix('mtrusg_', meter.livemode), meter.id, customer, start, end),
    object: 'billing.meter_event_summary' as const,
    aggregated_value: Number(value.toFixed()),
    end_time: end,
    livemode: meter.livemode,
    meter: meter.id,
    start_time: start,
  };
}
