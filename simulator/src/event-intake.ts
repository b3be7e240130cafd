import type { Account } from './account.js';
import { rejectEvent } from './core-event-reports.js';
import type { ApiError } from './errors.js';
import {
  customerOf,
  DUPLICATE,
  judgeEvent,
  type CountableEvent,
  type EventFault,
  type IncomingEvent,
  type RejectionReason,
} from './event-checks.js';
import type { CountedEvent } from './event-log.js';
import type { FaultOf } from './fault-kinds.js';
import type { Call } from './route.js';
import type { World } from './world.js';

export type Sender = Pick<Call, 'account' | 'path' | 'requestId' | 'idempotencyKey'>;

/** Says how a fault is told at once; null for a fault that is told later. */
export type Telling = (fault: EventFault) => ApiError | null;

/**
 * Takes an event in: counts it, or refuses it now or later. What is told at once comes first, as the
 * rest is found only after the answer.
 */
export function takeIn(world: World, sender: Sender, event: IncomingEvent, tell: Telling): void {
  const verdict = judgeEvent(world, sender.account, event);
  if ('faults' in verdict) {
    for (const fault of verdict.faults) {
      const error = tell(fault);
      if (error) throw error;
    }
    const [fault] = verdict.faults;
    if (fault) reject(world, sender, event, fault);
    return;
  }
  const scripted = scriptedRejection(world, sender, event, verdict);
  if (scripted) reject(world, sender, event, scripted.fault, scripted);
  else countEvent(world, sender, event, verdict);
}

/** One concurrent call per customer and meter. */
export function laneOf(
  account: Account,
  event: Pick<IncomingEvent, 'eventName' | 'payload'>,
): string | null {
  const meter = account.metersByEventName.get(event.eventName);
  const customer = customerOf(account, event);
  return meter && customer ? `${account.scope} ${meter.id} ${customer}` : null;
}

export function countEvent(
  world: World,
  { account, requestId, idempotencyKey }: Sender,
  { eventName, identifier, timestamp }: IncomingEvent,
  countable: CountableEvent,
  foreign = false,
): CountedEvent {
  const nowMs = world.clock.nowMs();
  const event = {
    ...countable,
    receipt: world.nextReceipt(),
    requestId,
    eventName,
    identifier,
    idempotencyKey,
    timestamp,
    receivedAtMs: nowMs,
    foreign,
    aggregatedAtMs: world.shownAtMs(account),
    cancelled: false,
    uncountedAtMs: Infinity,
  };
  const { customer } = countable;
  account.events.count(event);
  account.identifiers.add(identifier, { eventName, customer, receivedAtMs: nowMs, event });
  return event;
}

/** The client has its 200; only an error report tells that the event never counts. */
function reject(
  world: World,
  { account, requestId, idempotencyKey }: Sender,
  event: IncomingEvent,
  { code, message, meterId }: RejectionReason,
  { lagMs = 0, silent = false }: { lagMs?: number; silent?: boolean } = {},
): void {
  const nowMs = world.clock.nowMs();
  const { eventName, identifier } = event;
  // No code for a repeated identifier is known that Stripe reports later.
  const isDuplicate = code === DUPLICATE;
  rejectEvent(world, account, {
    code,
    message,
    requestId,
    eventName,
    meterId,
    identifier,
    idempotencyKey,
    receivedAtMs: nowMs,
    rejectedAtMs: nowMs + lagMs,
    silent: silent || isDuplicate,
  });
  if (isDuplicate) return;
  const customer = customerOf(account, event);
  account.identifiers.add(identifier, { eventName, customer, receivedAtMs: nowMs, event: null });
}

function scriptedRejection(
  world: World,
  { account, path, idempotencyKey }: Sender,
  { eventName, identifier }: IncomingEvent,
  { customer, meterId }: CountableEvent,
): (FaultOf<'asyncReject'> & { fault: RejectionReason }) | null {
  const events = [{ event_name: eventName, identifier, customer }];
  const request = { method: 'POST', path, idempotency_key: idempotencyKey, account: account.id };
  const scripted = world.faults.take('judgement', { ...request, events });
  if (!scripted) return null;
  const { code = 'meter_event_invalid_value' } = scripted;
  const isUnmetered = code === 'no_meter';
  const message = isUnmetered
    ? `No meter was found matching event_name ${eventName}.`
    : `The event ${identifier} could not be processed: ${code}.`;
  return { ...scripted, fault: { code, message, meterId: isUnmetered ? null : meterId } };
}
