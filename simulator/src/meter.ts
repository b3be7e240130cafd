export const FORMULAS = ['count', 'last', 'sum'] as const;
export const EVENT_TIME_WINDOWS = ['day', 'hour'] as const;

/** The meter as Stripe answers it. Instants are unix seconds. */
export interface Meter {
  id: string;
  object: 'billing.meter';
  created: number;
  customer_mapping: { event_payload_key: string; type: 'by_id' };
  default_aggregation: { formula: (typeof FORMULAS)[number] };
  display_name: string;
  event_name: string;
  event_time_window: (typeof EVENT_TIME_WINDOWS)[number] | null;
  livemode: boolean;
  status: 'active' | 'inactive';
  status_transitions: { deactivated_at: number | null };
  updated: number;
  value_settings: { event_payload_key: string };
}
