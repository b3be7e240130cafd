import { hash } from 'node:crypto';
import Stripe from 'stripe';
import { UnreadableSecret } from './stripe-account-cipher.js';

/** A Stripe account in one mode, and the way to talk to it. */
export interface StripeAccount {
  readonly accountId: string;
  readonly livemode: boolean;
  /** The account is one connected to the key's own (Stripe Connect); the client names it in every call. */
  readonly isConnected?: boolean;
  readonly client: Stripe;
}

/** Stripe, or the way to it, is down or over its limits, or does not take the key: again later. */
export class StripeUnavailable extends Error {
  override readonly name = 'StripeUnavailable';

  /** Of Stripe's answer; none where there was no answer. */
  get statusCode(): number | undefined {
    return this.cause instanceof Stripe.errors.StripeError ? this.cause.statusCode : undefined;
  }

  /** Stripe answered that the customer or the meter is not there. */
  get isMissing(): boolean {
    return (
      this.cause instanceof Stripe.errors.StripeError && this.cause.code === 'resource_missing'
    );
  }

  /** Stripe answered, and does not let this key do that; or the key cannot even be read. */
  get isRefusal(): boolean {
    if (this.cause instanceof UnreadableSecret) return true;
    return this.statusCode === 401 || this.statusCode === 403;
  }
}

/** What stays the same when a key is rolled: its mode, and the characters that follow it. */
const MODE_START = 3;
const ACCOUNT_END = 24;
/** Stripe's code where a key has nothing to do with the account that a call names. */
const NOT_CONNECTED = 'account_invalid';

export function isLiveKey(secretKey: string): boolean {
  return /^[sr]k_live_/.test(secretKey);
}

/** The name of an account whose id its key may not read: made from what the account's keys share. */
export function accountNameOfKey(secretKey: string): string {
  const shared = hash('sha256', secretKey.slice(MODE_START, ACCOUNT_END), 'buffer');
  return `acct_key_${shared.toString('base64url', 0, 15)}`;
}

/**
 * The account that a key belongs to, or the connected one that the client names, as Stripe says.
 *
 * @returns Nothing where Stripe does not say so to this key: a restricted one may not ask.
 * @throws StripeUnavailable where another try may tell.
 */
export async function askAccountId(client: Stripe): Promise<string | undefined> {
  try {
    return (await client.accounts.retrieveCurrent()).id;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    const { statusCode, code } = error;
    if ((statusCode === 403 && code !== NOT_CONNECTED) || statusCode === 404) return undefined;
    throw new StripeUnavailable(`Stripe did not name its account: ${error.message}`, {
      cause: error,
    });
  }
}
