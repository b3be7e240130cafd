import Stripe from 'stripe';
import type { StripeAccount } from './stripe-account.js';

const clients = new WeakMap<Stripe, Stripe>();

/** The client for calls to v2, which names a connected account by another header than v1. */
export function clientOfV2({ client, accountId, isConnected }: StripeAccount): Stripe {
  if (isConnected !== true) return client;
  let ofV2 = clients.get(client);
  if (ofV2 === undefined) {
    ofV2 = client.withStripeContext(Stripe.StripeContext.parse(accountId));
    clients.set(client, ofV2);
  }
  return ofV2;
}
