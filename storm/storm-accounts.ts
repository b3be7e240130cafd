import type { Agent } from 'node:http';
import type Stripe from 'stripe';
import type { Config } from '../src/config/config.js';
import type { Database } from '../src/database/database.js';
import type { StripeAccount } from '../src/stripe/stripe-account.js';
import { StripeAccounts } from '../src/stripe/stripe-accounts.js';
import { stripeClient } from '../src/stripe/stripe-client.js';

/** A call that Stripe does not answer within this time has an unknown outcome. */
const CALL_TIMEOUT_MS = 250;

/** The product's accounts, whose calls go over a line that can be cut. */
export class StormAccounts extends StripeAccounts {
  private readonly stormClient: Stripe;

  constructor(db: Database, config: Readonly<Config>, agent: Agent) {
    super(db, config);
    const transport = { agent, timeoutMs: CALL_TIMEOUT_MS };
    this.stormClient = stripeClient(config.STRIPE_SECRET_KEY!, config.STRIPE_API_BASE, transport);
  }

  override async of(tenantId: string): Promise<StripeAccount | undefined> {
    const account = await super.of(tenantId);
    return account && { ...account, client: this.stormClient };
  }
}
