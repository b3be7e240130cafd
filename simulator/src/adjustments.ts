import type { Account } from './account.js';
import type { Api } from './api-response.js';
import { ApiError, parameterMissing } from './errors.js';
import type { CountedEvent } from './event-log.js';
import { modePrefix } from './ids.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

const CANCEL_WINDOW_MS = 24 * 60 * 60 * 1000;
const NAME_LENGTH_MAX = 100;

/** Cancellations. On v1 the object has no id; it cannot be read under either API. */
export function adjustmentRoutes(world: World): Route[] {
  return (['v1', 'v2'] as const).map((api) => ({
    method: 'POST',
    path: `/${api}/billing/meter_event_adjustments`,
    plan: (call) => planCancel(world, call, api),
  }));
}

function planCancel(world: World, { account, parameters }: Call, api: Api): Plan {
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
      const { adjustmentStatus: status } = world.switches;
      const { livemode } = account;
      const cancelled = { cancel: { identifier }, event_name: eventName, livemode, status, type };
      if (api === 'v1') return { object: 'billing.meter_event_adjustment', ...cancelled };
      return {
        id: world.newId(modePrefix('mtr_adj_', livemode)),
        object: 'v2.billing.meter_event_adjustment',
        created: new Date(world.clock.nowMs()).toISOString(),
        ...cancelled,
      };
    },
  };
}

/** The wordings are ours, Stripe publishes none. */
/** v2 has one code for all of them. */
const INVALID_CANCEL = { param: 'cancel[identifier]', v2Code: 'invalid_cancel_configuration' };

function cancelEvent(world: World, account: Account, eventName: string, identifier: string): void {
  const { switches } = world;
  const event = account.identifiers.latestEvent(identifier, eventName);
  if (!event) {
    if (switches.cancelUnknownIdentifier === 'accept') return;
    throw new ApiError(400, `No event found with identifier ${identifier}.`, INVALID_CANCEL);
  }
  if (event.cancelled) {
    if (switches.cancelTwice === 'accept') return;
    throw new ApiError(400, `The event ${identifier} is already cancelled.`, INVALID_CANCEL);
  }
  if (world.clock.nowMs() - event.receivedAtMs >= CANCEL_WINDOW_MS) {
    const message = 'Only events received within the last 24 hours can be cancelled.';
    throw new ApiError(400, message, INVALID_CANCEL);
  }
  markCancelled(world, account, event);
}

function markCancelled(world: World, account: Account, event: CountedEvent): void {
  const isComplete = world.switches.adjustmentStatus === 'complete';
  event.cancelled = true;
  event.uncountedAtMs = isComplete ? world.clock.trueMs() : world.shownAtMs(account);
}
