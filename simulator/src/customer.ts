/** As much of Stripe's customer as metering needs. */
export interface Customer {
  id: string;
  object: 'customer';
  /** Unix seconds. */
  created: number;
  description: string | null;
  email: string | null;
  livemode: boolean;
  metadata: Readonly<Record<string, string>>;
  name: string | null;
}
