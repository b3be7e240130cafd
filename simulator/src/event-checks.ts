import type { Big } from 'big.js';
import type { Account } from './account.js';
import { ApiError, noSuch } from './errors.js';
import { readValue, VALUE_DIGITS_MAX, type ValueFault } from './event-value.js';
import type { Meter } from './meter.js';
import type { Reporting } from './switches.js';
import type { World } from './world.js';

const PAST_LIMIT_SECONDS = 35 * 24 * 60 * 60;
const FUTURE_LIMIT_SECONDS = 5 * 60;

/** The code of a repeated identifier; v1 answers it without one. */
export const DUPLICATE = 'duplicate_meter_event';

/** An event as it arrived, with Stripe's defaults filled in. */
export interface IncomingEvent {
  eventName: string;
  payload: Readonly<Record<string, string>>;
  identifier: string;
  /** Unix seconds. */
  timestamp: number;
}

/** Why an event is not counted, as an error report says it. */
export interface RejectionReason {
  code: string;
  message: string;
  meterId: string | null;
}

/** The same in both of Stripe's ways to say it. */
export interface EventFault extends RejectionReason {
  /** How v1 says it. */
  reporting: Reporting;
  /** The answer of v1 when it is told at once. */
  error: ApiError;
}

export interface CountableEvent {
  meterId: string;
  customer: string;
  value: Big;
  valueText: string;
}

/** All that is wrong with an event, or what of it counts. */
export function judgeEvent(
  world: World,
  account: Account,
  event: IncomingEvent,
): CountableEvent | { faults: EventFault[] } {
  const meter = account.metersByEventName.get(event.eventName);
  const faults: EventFault[] = [];
  const note = (fault: EventFault | null): void => void (fault && faults.push(fault));

  note(duplicateFault(world, account, event, meter?.id ?? null));
  note(timestampFault(world, event.timestamp, meter?.id ?? null));
  note(meterFault(world, event.eventName, meter));
  const customer = meter && event.payload[meter.customer_mapping.event_payload_key];
  const valueText = meter && event.payload[meter.value_settings.event_payload_key];
  const value = readValue(valueText, world.switches.acceptedValues);
  if (meter) {
    note(customerFault(world, account, meter, customer));
    if (typeof value === 'string') note(valueFault(world, meter, value, valueText ?? ''));
  }
  if (faults.length > 0) return { faults };
  if (!meter || !customer || !valueText || typeof value === 'string') {
    throw new Error('An event without a fault has a meter, a customer and a value.');
  }
  return { meterId: meter.id, customer, value, valueText };
}

/** The customer that the payload names, if the meter says under which key. */
export function customerOf(
  account: Account,
  { eventName, payload }: Pick<IncomingEvent, 'eventName' | 'payload'>,
): string | null {
  const key = account.metersByEventName.get(eventName)?.customer_mapping.event_payload_key;
  return (key === undefined ? null : payload[key]) ?? null;
}

/** The wording and the absence of a code are as clients report them. */
function duplicateFault(
  world: World,
  account: Account,
  event: IncomingEvent,
  meterId: string | null,
): EventFault | null {
  const { identifier, eventName } = event;
  const named = { identifier, eventName, customer: customerOf(account, event) };
  if (!account.identifiers.isTaken(named, world.clock.nowMs(), world.switches)) return null;
  const message = `An event already exists with identifier ${identifier}.`;
  const headers = { 'Stripe-Should-Retry': 'false' };
  return fault('sync', DUPLICATE, message, meterId, { headers });
}

/** Exactly on either limit is in range. The wording for the future is ours. */
function timestampFault(
  world: World,
  timestamp: number,
  meterId: string | null,
): EventFault | null {
  const floor = world.clock.nowSeconds() - PAST_LIMIT_SECONDS;
  const ceiling = world.clock.nowSeconds() + FUTURE_LIMIT_SECONDS;
  const past =
    'The event timestamp cannot be more than 35 days in past. ' +
    `Expected a timestamp greater than or equal to ${floor}.`;
  const future =
    'The event timestamp cannot be more than 5 minutes in future. ' +
    `Expected a timestamp less than or equal to ${ceiling}.`;
  const reporting = world.switches.timestampOutOfRange;
  const param = 'timestamp';
  if (timestamp < floor) {
    return fault(reporting, 'timestamp_too_far_in_past', past, meterId, { param });
  }
  if (timestamp > ceiling) {
    return fault(reporting, 'timestamp_in_future', future, meterId, { param });
  }
  return null;
}

function meterFault(world: World, eventName: string, meter: Meter | undefined): EventFault | null {
  const reporting = world.switches.unknownMeter;
  const atOnce = `No active meter found for event name "${eventName}"`;
  if (!meter) {
    const message = `No meter was found matching event_name ${eventName}.`;
    return fault(reporting, 'no_meter', message, null, { message: atOnce });
  }
  if (meter.status === 'active') return null;
  const message = 'The meter must be Active to submit events.';
  const details = { message: atOnce, code: 'archived_meter' };
  return fault(reporting, 'archived_meter', message, meter.id, details);
}

/** An absent customer key is told later under every setting; only an unknown customer may differ. */
function customerFault(
  world: World,
  account: Account,
  meter: Meter,
  customer: string | undefined,
): EventFault | null {
  const key = meter.customer_mapping.event_payload_key;
  if (customer === undefined) {
    const message = `Customer mapping key ${key} not found in payload.`;
    return fault('async', 'meter_event_no_customer_defined', message, meter.id);
  }
  if (world.customerExists(account, customer)) return null;
  const error = noSuch('customer', customer, `payload[${key}]`, 400);
  const code = 'meter_event_customer_not_found';
  return { ...fault(world.switches.unknownCustomer, code, error.message, meter.id), error };
}

function valueFault(world: World, meter: Meter, kind: ValueFault, text: string): EventFault {
  const key = meter.value_settings.event_payload_key;
  const param = { param: `payload[${key}]` };
  const reporting = world.switches.invalidValue;
  switch (kind) {
    case 'too_many_digits': {
      const message =
        `The value in the event payload can have at most ${VALUE_DIGITS_MAX} digits. ` +
        `Received ${text}.`;
      const code = 'meter_event_value_too_many_digits';
      return fault(world.switches.tooManyDigits, code, message, meter.id, param);
    }
    case 'not_found': {
      const message = `Value key ${key} not found in payload.`;
      return fault(reporting, 'meter_event_value_not_found', message, meter.id, param);
    }
    case 'invalid': {
      const message = `The value in the event payload is not a valid number. Received ${text}.`;
      return fault(reporting, 'meter_event_invalid_value', message, meter.id, param);
    }
  }
}

function fault(
  reporting: Reporting,
  code: string,
  message: string,
  meterId: string | null,
  atOnce: {
    message?: string;
    code?: string;
    param?: string;
    headers?: Record<string, string>;
  } = {},
): EventFault {
  const { message: text = message, ...details } = atOnce;
  return { reporting, code, message, meterId, error: new ApiError(400, text, details) };
}
