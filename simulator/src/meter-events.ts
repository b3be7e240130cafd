import type { Account } from './account.js';
import type { IncomingEvent } from './event-checks.js';
import { laneOf, takeIn } from './event-intake.js';
import { METER_EVENTS_PATH } from './event-paths.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

export const NAME_LENGTH_MAX = 100;

/** `POST /v1/billing/meter_events`. Stripe has no way to read an event, so neither is here. */
export function meterEventRoutes(world: World): Route[] {
  return [{ method: 'POST', path: METER_EVENTS_PATH, plan: (call) => planEvent(world, call) }];
}

function planEvent(world: World, call: Call): Plan {
  const { account, parameters } = call;
  const eventName = parameters.requiredText('event_name', NAME_LENGTH_MAX);
  const payload = parameters.requiredMap('payload');
  const identifier = parameters.text('identifier', NAME_LENGTH_MAX);
  const timestamp = parameters.integer('timestamp');
  parameters.end();
  return {
    lane: laneOf(account, { eventName, payload }),
    execute: () => {
      const event = {
        eventName,
        payload,
        identifier: identifier ?? world.newIdentifier(),
        timestamp: timestamp ?? world.clock.nowSeconds(),
      };
      takeIn(world, call, event, (fault) => (fault.reporting === 'sync' ? fault.error : null));
      return toMeterEvent(account, event, world.clock.nowSeconds());
    },
  };
}

function toMeterEvent(account: Account, event: IncomingEvent, created: number): object {
  return {
    object: 'billing.meter_event',
    created,
    event_name: event.eventName,
    identifier: event.identifier,
    livemode: account.livemode,
    payload: event.payload,
    timestamp: event.timestamp,
  };
}
