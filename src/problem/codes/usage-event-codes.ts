import type { CodeEntry } from './code-entry.js';

/** Codes of one usage event. */
export const USAGE_EVENT_CODES = {
  batch_empty: {
    status: 422,
    title: 'The batch has no event',
    remedy: 'Send at least one event.',
  },
  batch_too_long: {
    status: 422,
    title: 'The batch has more than 10,000 events',
    remedy: 'Send smaller batches, or NDJSON, which may be of any length.',
  },
  line_too_long: {
    status: 422,
    title: 'The line is longer than 64 KiB',
    remedy: 'Send one event a line; its largest lawful form is far shorter.',
  },
  quantity_not_exact: {
    status: 422,
    title: 'The quantity may have been rounded on its way',
    remedy: 'Send it as a string; a JSON number is read up to 15 significant digits.',
  },
  quantity_invalid: {
    status: 422,
    title: 'The quantity is not a plain decimal',
    remedy: 'Send at most 15 integer and 12 fraction digits, such as `"-12.5"`.',
  },
  scope_required: {
    status: 422,
    title: 'The event needs a scope that the API key lacks',
    remedy: 'Use a key with the scope that `detail` names.',
  },
  occurred_at_invalid: {
    status: 422,
    title: 'The time is not an instant of RFC 3339',
    remedy: 'Send date, time and offset, to the microsecond, such as `2026-11-01T00:00:00.5Z`.',
  },
  occurred_at_in_future: {
    status: 422,
    title: 'The time lies more than 5 minutes ahead',
    remedy: 'Set the clock of the sender, or leave the field out.',
  },
  occurred_at_too_old: {
    status: 422,
    title: 'The time lies before the year 2000',
    remedy: 'Check the unit of the time, or leave the field out.',
  },
  properties_invalid: {
    status: 422,
    title: 'The properties are not a flat object',
    remedy: 'Send an object of strings, numbers and booleans; `__proto__` cannot be a name.',
  },
  properties_too_many: {
    status: 422,
    title: 'There are more than 50 properties',
    remedy: 'Keep what meters read.',
  },
  properties_too_large: {
    status: 422,
    title: 'The properties are larger than 4 KiB',
    remedy: 'Keep what meters read.',
  },
  property_not_scalar: {
    status: 422,
    title: 'A property is null, an object or a list',
    remedy: 'Flatten it, or leave it out.',
  },
  property_not_exact: {
    status: 422,
    title: 'A property is a whole number that a double cannot hold exactly',
    remedy: 'Send it as a string.',
  },
  property_not_finite: {
    status: 422,
    title: 'A property is a number that no double can hold',
    remedy: 'Send it as a string.',
  },
  specversion_unsupported: {
    status: 422,
    title: 'The CloudEvent is not of version 1.0',
    remedy: 'Send `"specversion": "1.0"`.',
  },
  data_not_json: {
    status: 422,
    title: 'The data of the CloudEvent is not JSON',
    remedy: 'Send `data` as a JSON object, without `data_base64`.',
  },
  unknown_meter: {
    status: 422,
    title: 'No meter has this key or lists this event type',
    remedy: 'Create the meter with `PUT /v1/meters/:key` and send the event again.',
  },
  unknown_customer: {
    status: 422,
    title: 'No customer has this id or alias',
    remedy: 'Create the customer with `PUT /v1/customers/:id` and send the event again.',
  },
  quantity_required: {
    status: 422,
    title: 'A meter reads the quantity that the event lacks',
    remedy: 'Send `quantity` as a decimal string.',
  },
  property_required: {
    status: 422,
    title: 'A meter reads a property that the event lacks',
    remedy: 'Send the event with the property.',
  },
  property_not_decimal: {
    status: 422,
    title: 'A meter reads a decimal from a property that holds none',
    remedy: 'Send a string of at most 15 integer and 12 fraction digits.',
  },
  late_usage_rejected: {
    status: 422,
    title: 'The billing period is closed and the meter rejects late usage',
    remedy: 'Change `late_usage` of the meter, or bill the usage elsewhere.',
  },
  usage_event_conflict: {
    status: 409,
    title: 'The id is taken by an event with other content',
    remedy:
      'Compare what `fields` names. The first event stands; give another event an id of its own.',
  },
  usage_event_rejected: {
    status: 422,
    title: 'The event was not recorded',
    remedy: 'Correct what `errors` names and send it again under the same id.',
  },
  quarantined_event_not_found: {
    status: 404,
    title: 'No event in quarantine has this id',
    remedy: 'Use an `id` that `GET /v1/quarantine` lists; what was recorded has left it.',
  },
  usage_event_already_voided: {
    status: 409,
    title: 'The event was voided before, without this replacement',
    remedy: 'Send the replacement as a usage event of its own, if it is still to be recorded.',
  },
  void_not_found: {
    status: 404,
    title: 'No void of many events has this id',
    remedy: 'Use the id that `POST /v1/voids` answered.',
  },
  usage_event_not_found: {
    status: 404,
    title: 'No usage event has this id',
    remedy: 'Check the id, and name the `source` if the event has one.',
  },
  usage_event_retained: {
    status: 410,
    title: 'The month that the usage event was received in has left the ledger',
    remedy:
      'Look for it in the file of that month, if one was written. A copy of it is still known as one.',
  },
} as const satisfies Record<string, CodeEntry>;
