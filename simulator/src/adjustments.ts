import type { Account } from './account.js';
import { ApiError, parameterMissing } from './errors.js';
import type { CountedEvent } from './event-log.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

const CANCEL_WINDOW_MS = 24 * 60 * 60 * 1000;
const NAME_LENGTH_MAX = 100;

/** `POST /v1/billing/meter_event_adjustments`; on v1 the object has no id and cannot be read. */
export function adjustmentRoutes(world: World): Route[] {
  const path = '/v1/billing/meter_event_adjustments';
  return [{ method: 'POST', path, plan: (call) => planCancel(world, call) }];
}

function planCancel(world: World, { account, parameters }: Call): Plan {
  const eventName = parameters.requiredText('event_name', NAME_LENGTH_MAX);
  const type = parameters.requiredOneOf('type', ['cancel'] as const);
  const cancel = parameters.object('cancel');
  const identifier = cancel?.requiredText('identifier', NAME_LENGTH_MAX);
  cancel?.end();
  parameters.end();
  if (identifier === undefined) throw parameterMissing('cancel[identifier]');
  return {
    lane: null,
    execute: () => {
      cancelEvent(world, account, eventName, identifier);
      return {
        object: 'billing.meter_event_adjustment',
        cancel: { identifier },
        event_name: eventName,
        livemode: account.livemode,
        status: world.switches.adjustmentStatus,
        type,
      };
    },
  };
}

/** The wordings are ours, Stripe publishes none. */
function cancelEvent(world: World, account: Account, eventName: string, identifier: string): void {
  const { switches } = world;
  const event = account.identifiers.latestEvent(identifier, eventName);
  const param = 'cancel[identifier]';
  if (!event) {
    if (switches.cancelUnknownIdentifier === 'accept') return;
    throw new ApiError(400, `No event found with identifier ${identifier}.`, { param });
  }
  if (event.cancelled) {
    if (switches.cancelTwice === 'accept') return;
    throw new ApiError(400, `The event ${identifier} is already cancelled.`, { param });
  }
  if (world.clock.nowMs() - event.receivedAtMs >= CANCEL_WINDOW_MS) {
    const message = 'Only events received within the last 24 hours can be cancelled.';
    throw new ApiError(400, message, { param });
  }
  markCancelled(world, event);
}

function markCancelled(world: World, event: CountedEvent): void {
  const { adjustmentStatus, aggregationLagMs } = world.switches;
  const lagMs = aggregationLagMs === 'paused' ? Infinity : aggregationLagMs;
  event.cancelled = true;
  event.uncountedAtMs = world.clock.nowMs() + (adjustmentStatus === 'complete' ? 0 : lagMs);
}
