import type { StripeAccount } from './stripe-account.js';

/** What Stripe's limits are counted by. */
export type AccountName = Pick<StripeAccount, 'accountId' | 'livemode'>;

export function nameOf({ accountId, livemode }: AccountName): string {
  return `${accountId} ${livemode ? 'live' : 'test'}`;
}
