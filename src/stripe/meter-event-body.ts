import { MICROS_PER_SECOND } from '../domain/instant.js';
import type { PushBody } from './push-target.js';

/** What a meter event of Stripe's v1 API is made from. */
export interface MeterEventBody {
  readonly event_name: string;
  readonly payload: Record<string, string>;
  readonly identifier: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/** The same push gives the same body, whenever it is sent. */
export function meterEventBody(body: PushBody): MeterEventBody {
  return {
    event_name: body.eventName,
    payload: { [body.customerKey]: body.stripeCustomerId, [body.valueKey]: body.value },
    identifier: body.identifier,
    timestamp: body.timestamp / MICROS_PER_SECOND,
  };
}
