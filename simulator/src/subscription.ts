import type { RecurringPrice } from './price.js';

/** An item as Stripe answers it. The period is half-open, unix seconds; the subscription has none. */
export interface SubscriptionItem {
  id: string;
  object: 'subscription_item';
  created: number;
  current_period_end: number;
  current_period_start: number;
  discounts: readonly [];
  metadata: Readonly<Record<string, string>>;
  price: RecurringPrice;
  /** Absent on metered items. */
  quantity?: number;
  subscription: string;
  tax_rates: readonly [];
}

export type SubscriptionStatus = 'active' | 'canceled' | 'paused' | 'trialing';

/** As much of Stripe's subscription as a bill needs. Instants are unix seconds. */
export interface Subscription {
  id: string;
  object: 'subscription';
  billing_cycle_anchor: number;
  billing_mode: { type: 'classic' | 'flexible'; flexible: null };
  cancel_at: number | null;
  cancel_at_period_end: boolean;
  canceled_at: number | null;
  cancellation_details: { comment: null; feedback: null; reason: 'cancellation_requested' | null };
  collection_method: 'charge_automatically' | 'send_invoice';
  created: number;
  currency: string;
  customer: string;
  days_until_due: number | null;
  ended_at: number | null;
  items: {
    object: 'list';
    data: SubscriptionItem[];
    has_more: false;
    total_count: number;
    url: string;
  };
  latest_invoice: string | null;
  livemode: boolean;
  metadata: Readonly<Record<string, string>>;
  pause_collection: { behavior: 'keep_as_draft'; resumes_at: null } | null;
  start_date: number;
  status: SubscriptionStatus;
  trial_end: number | null;
  trial_start: number | null;
}

/** The use of a price in a stretch of time, to be billed by one line. */
export interface BilledSpan {
  /** Id of the line, the same in each view of the invoice. */
  lineId: string;
  item: string;
  subscription: string;
  customer: string;
  price: RecurringPrice;
  /** Half-open, unix seconds. */
  start: number;
  end: number;
  /** Of a licensed item; null counts the meter. */
  quantity: number | null;
  /** Usage of a trial that is not billed. */
  isFree: boolean;
}

export interface SubscriptionRecord {
  readonly subscription: Subscription;
  /** Spans of items that are gone or have another price now, for the next invoice. */
  unbilled: BilledSpan[];
  /** By item: from when on its present price counts usage, unix seconds, if not from its period's start. */
  readonly countedFrom: Map<string, number>;
}
