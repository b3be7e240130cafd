import { isNegative } from '../domain/decimal.js';
import { formatInstant, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { jsonPointer } from '../domain/json-pointer.js';
import type { Counted, Fault } from '../domain/usage-match.js';

/** For clocks that go fast: what Stripe allows too. */
export const AHEAD_MAX_MICROS = 5 * MICROS_PER_MINUTE;

export const aheadOfClock: Fault = {
  code: 'occurred_at_in_future',
  pointer: '/occurred_at',
  detail: 'occurred_at is more than 5 minutes ahead of our clock',
};

export const unknownCustomer: Fault = {
  code: 'unknown_customer',
  pointer: '/customer_id',
  detail:
    'No customer has this id or alias. Create it with PUT /v1/customers/:id and send the event again.',
};

export function lateUsageRefused(meterKey: string, periodEnd: Micros): Fault {
  return {
    code: 'late_usage_rejected',
    pointer: '/occurred_at',
    detail: `The billing period that ended at ${formatInstant(periodEnd)} is closed, and the meter ${meterKey} rejects late usage.`,
  };
}

/** A negative value takes its own scope. That of `quantity` is checked at the door. */
export function negativeValue(counted: readonly Counted[]): Fault[] {
  const negative = counted.find((each) => isNegative(each.quantity));
  if (negative === undefined || negative.meter.valueProperty === 'quantity') return [];
  return [
    {
      code: 'scope_required',
      pointer: jsonPointer('properties', negative.meter.valueProperty),
      detail: 'a negative value needs an API key with the scope usage:adjust',
    },
  ];
}
