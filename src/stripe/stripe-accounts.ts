import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type Stripe from 'stripe';
import { DEFAULT_TENANT } from '../access/tenant.entity.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { accountNameOfKey, askAccountId, isLiveKey, type StripeAccount } from './stripe-account.js';
import { stripeClient } from './stripe-client.js';

/** Which Stripe account each tenant pushes to. The environment's key is the tenant `default`'s alone. */
@Injectable()
export class StripeAccounts {
  private readonly client: Stripe | undefined;
  private account: StripeAccount | undefined;

  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {
    const { STRIPE_SECRET_KEY: key, STRIPE_API_BASE: apiBase } = config;
    this.client = key === undefined ? undefined : stripeClient(key, apiBase);
  }

  /**
   * @returns Nothing where the tenant has no Stripe account.
   * @throws StripeUnavailable where Stripe has to be asked and does not answer.
   */
  async of(tenantId: string): Promise<StripeAccount | undefined> {
    const key = this.config.STRIPE_SECRET_KEY;
    if (this.client === undefined || key === undefined) return undefined;
    const [tenant] = await this.db.work.query<{ name: string }>(
      'SELECT name FROM tenant WHERE tenant_id = $1',
      [tenantId],
    );
    if (tenant?.name !== DEFAULT_TENANT) return undefined;
    this.account ??= {
      accountId: await this.accountIdOf(tenantId, this.client, key),
      livemode: isLiveKey(key),
      client: this.client,
    };
    return this.account;
  }

  /**
   * The first name that an account got holds. Pushes belong to an account: when a key is allowed to
   * ask for its account only later on, another name would have everything sent a second time.
   */
  private async accountIdOf(tenantId: string, client: Stripe, key: string): Promise<string> {
    if (this.config.STRIPE_ACCOUNT_ID !== undefined) return this.config.STRIPE_ACCOUNT_ID;
    const digest = hash('sha256', key, 'buffer');
    const madeName = accountNameOfKey(key);
    const known = await this.knownAccountId(tenantId, digest, madeName);
    if (known !== undefined) return known;
    await this.db.work.query(
      `INSERT INTO stripe_account_identity (tenant_id, key_digest, account_id) VALUES ($1, $2, $3)
       ON CONFLICT (tenant_id, key_digest) DO NOTHING`,
      [tenantId, digest, (await askAccountId(client)) ?? madeName],
    );
    return (await this.knownAccountId(tenantId, digest, madeName))!;
  }

  private async knownAccountId(
    tenantId: string,
    digest: Buffer,
    madeName: string,
  ): Promise<string | undefined> {
    const [row] = await this.db.work.query<{ accountId: string }>(
      `SELECT account_id AS "accountId" FROM stripe_account_identity
        WHERE tenant_id = $1 AND (key_digest = $2 OR account_id = $3)
        ORDER BY account_id = $3 DESC LIMIT 1`,
      [tenantId, digest, madeName],
    );
    return row?.accountId;
  }
}
