export const INTERVALS = ['day', 'week', 'month', 'year'] as const;

/** How long a billing period is. */
export interface Recurring {
  interval: (typeof INTERVALS)[number];
  interval_count: number;
  meter: string | null;
  usage_type: 'licensed' | 'metered';
}

/** As much of Stripe's price as a bill needs. Tiers are not simulated. */
export interface Price {
  id: string;
  object: 'price';
  active: boolean;
  billing_scheme: 'per_unit';
  created: number;
  currency: string;
  livemode: boolean;
  lookup_key: string | null;
  metadata: Readonly<Record<string, string>>;
  nickname: string | null;
  product: string;
  recurring: Recurring | null;
  tiers_mode: null;
  transform_quantity: null;
  type: 'one_time' | 'recurring';
  /** Of the currency's smallest unit; null when it is not whole. */
  unit_amount: number | null;
  unit_amount_decimal: string;
}

export interface RecurringPrice extends Price {
  recurring: Recurring;
}

export function isRecurring(price: Price): price is RecurringPrice {
  return price.recurring !== null;
}
