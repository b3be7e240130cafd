import { hash } from 'node:crypto';
import Stripe from 'stripe';

/** A Stripe account in one mode, and the way to talk to it. */
export interface StripeAccount {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly client: Stripe;
}

/** Stripe, or the way to it, is down or over its limits, or does not take the key: again later. */
export class StripeUnavailable extends Error {
  override readonly name = 'StripeUnavailable';

  /** Stripe answered, and does not let this key do that. */
  get isRefusal(): boolean {
    const { cause } = this;
    if (!(cause instanceof Stripe.errors.StripeError)) return false;
    return cause.statusCode === 401 || cause.statusCode === 403;
  }
}

/** What stays the same when a key is rolled: its mode, and the characters that follow it. */
const MODE_START = 3;
const ACCOUNT_END = 24;

export function isLiveKey(secretKey: string): boolean {
  return /^[sr]k_live_/.test(secretKey);
}

/** The name of an account whose id its key may not read: made from what the account's keys share. */
export function accountNameOfKey(secretKey: string): string {
  const shared = hash('sha256', secretKey.slice(MODE_START, ACCOUNT_END), 'buffer');
  return `acct_key_${shared.toString('base64url', 0, 15)}`;
}

/**
 * The account that a key belongs to, as Stripe says.
 *
 * @returns Nothing where Stripe does not say so to this key: a restricted one may not ask.
 * @throws StripeUnavailable where another try may tell.
 */
export async function askAccountId(client: Stripe): Promise<string | undefined> {
  try {
    return (await client.accounts.retrieveCurrent()).id;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    if (error.statusCode === 403 || error.statusCode === 404) return undefined;
    throw new StripeUnavailable(`Stripe did not name its account: ${error.message}`, {
      cause: error,
    });
  }
}
