import type Stripe from 'stripe';
import type { Micros } from '../domain/instant.js';

export const STRIPE_FORMULAS = ['sum', 'count', 'last'] as const;
export type StripeFormula = (typeof STRIPE_FORMULAS)[number];

export const STRIPE_METER_STATUSES = ['active', 'inactive'] as const;
export type StripeMeterStatus = (typeof STRIPE_METER_STATUSES)[number];

/** What was last read of a Stripe meter. */
export interface StripeMeter {
  readonly stripeMeterId: string;
  readonly eventName: string;
  readonly formula: StripeFormula;
  readonly status: StripeMeterStatus;
  readonly eventTimeWindow: 'day' | 'hour' | null;
  /** The members of the payload that carry customer and value. */
  readonly customerKey: string;
  readonly valueKey: string;
  readonly readAt: Micros;
}

/**
 * One meter for each event name: the active one, and of several the newest. Stripe gives an event
 * name to one meter only, also while it is inactive.
 */
export function byEventName(meters: readonly Stripe.Billing.Meter[]): Stripe.Billing.Meter[] {
  const chosen = new Map<string, Stripe.Billing.Meter>();
  for (const meter of meters) {
    const other = chosen.get(meter.event_name);
    if (other === undefined || isBefore(meter, other)) chosen.set(meter.event_name, meter);
  }
  return [...chosen.values()];
}

function isBefore(meter: Stripe.Billing.Meter, other: Stripe.Billing.Meter): boolean {
  if (meter.status !== other.status) return meter.status === 'active';
  return meter.created > other.created;
}
