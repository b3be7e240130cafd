/** As much of Stripe's product as a price needs. */
export interface Product {
  id: string;
  object: 'product';
  active: boolean;
  created: number;
  livemode: boolean;
  metadata: Readonly<Record<string, string>>;
  name: string;
}
