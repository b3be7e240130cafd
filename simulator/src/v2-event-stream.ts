import { ApiError } from './errors.js';
import { takeIn } from './event-intake.js';
import { STREAM_PATH } from './event-paths.js';
import type { Call, Plan, Route } from './route.js';
import { completed, readV2Event } from './v2-meter-events.js';
import type { World } from './world.js';

const EVENTS_MAX = 100;

/** Many events at once, under a token that lives for 15 minutes. Every fault is told later. */
export function v2StreamRoutes(world: World): Route[] {
  const sessions = '/v2/billing/meter_event_session';
  return [
    { method: 'POST', path: sessions, plan: (call) => planSession(world, call) },
    { method: 'POST', path: STREAM_PATH, plan: (call) => planStream(world, call) },
  ];
}

function planSession(world: World, { account, parameters }: Call): Plan {
  parameters.end();
  return {
    lane: null,
    execute: () => {
      // The wording and the code are ours, Stripe publishes none.
      if (!account.livemode) {
        const message = 'Meter event streams exist in live mode only.';
        throw new ApiError(400, message, { code: 'livemode_required' });
      }
      const token = world.newId('meter_event_session_token_', 40);
      const { createdMs, expiresAtMs } = world.streamSessions.open(token, account);
      return {
        id: world.newId('mes_'),
        object: 'v2.billing.meter_event_session',
        authentication_token: token,
        created: new Date(createdMs).toISOString(),
        expires_at: new Date(expiresAtMs).toISOString(),
        livemode: account.livemode,
      };
    },
  };
}

function planStream(world: World, call: Call): Plan {
  const events = call.parameters.requiredList('events').map((event) => {
    const read = readV2Event(event);
    event.end();
    return read;
  });
  call.parameters.end();
  if (events.length < 1 || events.length > EVENTS_MAX) {
    const message = `events must hold 1 to ${EVENTS_MAX} events, not ${events.length}.`;
    throw new ApiError(400, message, { code: 'parameter_invalid', param: 'events' });
  }
  return {
    lane: null,
    execute: () => {
      for (const event of events) takeIn(world, call, completed(world, event), () => null);
      return {};
    },
  };
}
