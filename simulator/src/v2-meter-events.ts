import type { Account } from './account.js';
import { ApiError } from './errors.js';
import { DUPLICATE, type EventFault, type IncomingEvent } from './event-checks.js';
import { laneOf, takeIn } from './event-intake.js';
import { V2_METER_EVENTS_PATH } from './event-paths.js';
import { NAME_LENGTH_MAX } from './meter-events.js';
import type { Parameters } from './parameters.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

/** `POST /v2/billing/meter_events`: validated at once, with a code for each fault. */
export function v2MeterEventRoutes(world: World): Route[] {
  return [{ method: 'POST', path: V2_METER_EVENTS_PATH, plan: (call) => planEvent(world, call) }];
}

function planEvent(world: World, call: Call): Plan {
  const { account, parameters } = call;
  const read = readV2Event(parameters);
  parameters.end();
  return {
    lane: laneOf(account, read),
    execute: () => {
      const event = completed(world, read);
      takeIn(world, call, event, toV2Error);
      return toMeterEvent(account, event, world.clock.nowMs());
    },
  };
}

type ReadEvent = Pick<IncomingEvent, 'eventName' | 'payload'> & {
  identifier: string | undefined;
  timestamp: number | undefined;
};

/** The members of one event; `end` is left to the caller. */
export function readV2Event(parameters: Parameters): ReadEvent {
  return {
    eventName: parameters.requiredText('event_name', NAME_LENGTH_MAX),
    payload: parameters.requiredMap('payload'),
    identifier: parameters.text('identifier', NAME_LENGTH_MAX),
    timestamp: parameters.rfc3339('timestamp'),
  };
}

/** With Stripe's defaults filled in. */
export function completed(world: World, { identifier, timestamp, ...event }: ReadEvent) {
  return {
    ...event,
    identifier: identifier ?? world.newIdentifier(),
    timestamp: timestamp ?? world.clock.nowMs() / 1000,
  };
}

/** Codes and texts of Stripe's specification, by the code of the error report. */
const V2_ERRORS: Readonly<Record<string, readonly [code: string, message: string]>> = {
  [DUPLICATE]: [DUPLICATE, 'A meter event with a duplicate identifier has already been submitted.'],
  no_meter: ['no_meter', 'A meter must exist to submit events.'],
  archived_meter: ['archived_meter', 'The meter must be Active to submit events.'],
  meter_event_no_customer_defined: [
    'payload_no_customer_defined',
    'The payload must have a reference to the customer.',
  ],
  meter_event_value_not_found: ['payload_no_value_defined', 'The payload must have a value.'],
  meter_event_invalid_value: ['payload_invalid_value', 'The value must be a positive integer.'],
  meter_event_value_too_many_digits: [
    'payload_invalid_value',
    'The value must be a positive integer.',
  ],
};

/** What has no code under v2 (timestamps, unknown customers) is told as v1 tells it. */
function toV2Error({ code, reporting, message }: EventFault): ApiError | null {
  const known = V2_ERRORS[code];
  if (known) return new ApiError(400, known[1], { code: known[0] });
  return reporting === 'sync' ? new ApiError(400, message, { code }) : null;
}

function toMeterEvent(account: Account, event: IncomingEvent, nowMs: number): object {
  return {
    object: 'v2.billing.meter_event',
    created: new Date(nowMs).toISOString(),
    event_name: event.eventName,
    identifier: event.identifier,
    livemode: account.livemode,
    payload: event.payload,
    timestamp: new Date(event.timestamp * 1000).toISOString(),
  };
}
