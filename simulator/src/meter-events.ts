import { randomUUID } from 'node:crypto';
import type { Account } from './account.js';
import { ApiError } from './errors.js';
import {
  judgeEvent,
  type CountableEvent,
  type EventFault,
  type IncomingEvent,
} from './event-checks.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

export const METER_EVENTS_PATH = '/v1/billing/meter_events';

const NAME_LENGTH_MAX = 100;

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
    lane: laneOf(account, eventName, payload),
    execute: () =>
      receive(world, call, {
        eventName,
        payload,
        identifier: identifier ?? randomUUID(),
        timestamp: timestamp ?? world.clock.nowSeconds(),
      }),
  };
}

/** One concurrent call per customer and meter. */
function laneOf(account: Account, eventName: string, payload: IncomingEvent['payload']) {
  const meter = account.metersByEventName.get(eventName);
  const customer = meter && payload[meter.customer_mapping.event_payload_key];
  return meter && customer ? `${account.scope} ${meter.id} ${customer}` : null;
}

function receive(world: World, call: Call, event: IncomingEvent): object {
  const { account } = call;
  const nowMs = world.clock.nowMs();
  const { eventName, identifier } = event;
  if (account.identifiers.isTaken(identifier, eventName, nowMs, world.switches)) {
    throw duplicateIdentifier(identifier);
  }
  const verdict = judgeEvent(world, account, event);
  if ('fault' in verdict) {
    if (verdict.fault.reporting === 'sync') throw verdict.fault.error;
    reject(call, event, verdict.fault, nowMs);
  } else {
    count(world, call, event, verdict, nowMs);
  }
  return toMeterEvent(account, event, nowMs);
}

function count(
  world: World,
  { account, requestId, idempotencyKey }: Call,
  { eventName, identifier, timestamp }: IncomingEvent,
  countable: CountableEvent,
  nowMs: number,
): void {
  const lagMs = world.switches.aggregationLagMs;
  const event = {
    ...countable,
    receipt: world.nextReceipt(),
    requestId,
    eventName,
    identifier,
    idempotencyKey,
    timestamp,
    receivedAtMs: nowMs,
    aggregatedAtMs: lagMs === 'paused' ? Infinity : nowMs + lagMs,
    cancelled: false,
    uncountedAtMs: Infinity,
  };
  account.events.count(event);
  account.identifiers.add(identifier, { eventName, receivedAtMs: nowMs, event });
}

/** The client has its 200; only an error report tells that the event never counts. */
function reject(call: Call, event: IncomingEvent, fault: EventFault, nowMs: number): void {
  const { account, requestId, idempotencyKey } = call;
  const { eventName, identifier } = event;
  const { code, message, meterId } = fault;
  const request = { requestId, idempotencyKey, receivedAtMs: nowMs };
  account.events.rejected.push({ code, message, eventName, meterId, identifier, ...request });
  account.identifiers.add(identifier, { eventName, receivedAtMs: nowMs, event: null });
}

function toMeterEvent(account: Account, event: IncomingEvent, nowMs: number): object {
  return {
    object: 'billing.meter_event',
    created: Math.floor(nowMs / 1000),
    event_name: event.eventName,
    identifier: event.identifier,
    livemode: account.livemode,
    payload: event.payload,
    timestamp: event.timestamp,
  };
}

/** The wording and the absence of a code are as clients report them. */
function duplicateIdentifier(identifier: string): ApiError {
  return new ApiError(400, `An event already exists with identifier ${identifier}.`, {
    headers: { 'Stripe-Should-Retry': 'false' },
  });
}
