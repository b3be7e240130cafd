export const METER_EVENTS_PATH = '/v1/billing/meter_events';
export const V2_METER_EVENTS_PATH = '/v2/billing/meter_events';
/** On a host of its own at Stripe; an SDK with a custom host sends it there too. */
export const STREAM_PATH = '/v2/billing/meter_event_stream';

/** Where meter events come in. */
export const EVENT_PATHS: readonly string[] = [
  METER_EVENTS_PATH,
  V2_METER_EVENTS_PATH,
  STREAM_PATH,
];
