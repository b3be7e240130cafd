import { Injectable, Logger } from '@nestjs/common';
import type Stripe from 'stripe';
import { DEFAULT_TENANT } from '../access/tenant.entity.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { SecretCipher, UnreadableSecret } from './stripe-account-cipher.js';
import { accountIdOf } from './stripe-account-identity.js';
import {
  askAccountId,
  isLiveKey,
  StripeUnavailable,
  type StripeAccount,
} from './stripe-account.js';
import {
  tenantAccount,
  type StripeAccountRow,
  type TenantAccount,
} from './stripe-account.store.js';
import { stripeClient } from './stripe-client.js';

/** How long another process may still work with an account after it was changed. */
const VALID_MS = 1_000;

interface Known {
  readonly readAt: number;
  readonly tenant: TenantAccount | undefined;
  /** Of the row's version, once it was needed. */
  account?: StripeAccount;
}

/**
 * Which Stripe account each tenant pushes to: the one that it set, and for the tenant `default` else
 * the one of the environment, which is about no other tenant.
 */
@Injectable()
export class StripeAccounts {
  private readonly logger = new Logger(StripeAccounts.name);
  private readonly cipher: SecretCipher;
  private readonly known = new Map<string, Known>();
  private ofEnvironment: StripeAccount | undefined;

  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {
    this.cipher = new SecretCipher(config.encryptionKeys);
  }

  /**
   * @returns Nothing where the tenant has no Stripe account.
   * @throws StripeUnavailable where Stripe has to be asked and does not answer, or where the
   *   tenant's key cannot be decrypted.
   */
  async of(tenantId: string): Promise<StripeAccount | undefined> {
    const known = await this.read(tenantId, VALID_MS);
    const { tenant } = known;
    if (tenant === undefined) return undefined;
    if (tenant.row !== undefined) {
      return (known.account ??= this.accountOfRow(tenantId, tenant.row));
    }
    if (!this.isOfEnvironment(tenant)) return undefined;
    return (this.ofEnvironment ??= await this.accountOfEnvironment(tenantId));
  }

  /** Whether the tenant has an account, as the database has it at this moment; later calls know it too. */
  async isConfigured(tenantId: string): Promise<boolean> {
    const { tenant } = await this.read(tenantId, 0);
    if (tenant === undefined) return false;
    return tenant.row !== undefined || this.isOfEnvironment(tenant);
  }

  /**
   * What events of the tenant may be signed by; none where none is set.
   *
   * @returns Nothing where there is no such tenant.
   * @throws UnreadableSecret where they cannot be decrypted.
   */
  async webhookSecrets(tenantId: string): Promise<readonly string[] | undefined> {
    const { tenant } = await this.read(tenantId, 0);
    if (tenant === undefined) return undefined;
    const { row, tenantName } = tenant;
    if (row !== undefined && row.webhookSecretCount > 0) {
      const text = this.cipher.decrypt(tenantId, 'stripe_webhook_secrets', row.webhookSecrets);
      return JSON.parse(text) as string[];
    }
    return tenantName === DEFAULT_TENANT ? this.config.webhookSecrets : [];
  }

  /** A method of its own, so that whoever tries what Stripe may do can put another transport in its place. */
  protected connect(secretKey: string, connectedAccount: string | null): Stripe {
    return stripeClient(secretKey, this.config.STRIPE_API_BASE, { connectedAccount });
  }

  private async read(tenantId: string, maxAgeMs: number): Promise<Known> {
    const before = this.known.get(tenantId);
    const readAt = performance.now();
    if (before !== undefined && readAt - before.readAt < maxAgeMs) return before;
    const tenant = await tenantAccount(this.db.work, tenantId);
    const known: Known = { readAt, tenant };
    // The client keeps its connections while its row stays the same.
    if (before?.account !== undefined && before.tenant?.row?.version === tenant?.row?.version) {
      known.account = before.account;
    }
    const newest = this.known.get(tenantId);
    if (newest === undefined || newest.readAt <= readAt) this.known.set(tenantId, known);
    return known;
  }

  private accountOfRow(tenantId: string, row: StripeAccountRow): StripeAccount {
    const { accountId, livemode, connectedAccount } = row;
    const secretKey = this.secretKeyOf(tenantId, row);
    const client = this.connect(secretKey, connectedAccount);
    return { accountId, livemode, isConnected: connectedAccount !== null, client };
  }

  private secretKeyOf(tenantId: string, { secretKey }: StripeAccountRow): string {
    try {
      return this.cipher.decrypt(tenantId, 'stripe_secret_key', secretKey);
    } catch (error) {
      if (!(error instanceof UnreadableSecret)) throw error;
      throw new StripeUnavailable(error.message, { cause: error });
    }
  }

  private isOfEnvironment({ tenantName }: TenantAccount): boolean {
    return tenantName === DEFAULT_TENANT && this.config.STRIPE_SECRET_KEY !== undefined;
  }

  private async accountOfEnvironment(tenantId: string): Promise<StripeAccount> {
    const { STRIPE_SECRET_KEY, STRIPE_ACCOUNT_ID } = this.config;
    const key = STRIPE_SECRET_KEY!;
    const client = this.connect(key, null);
    const say = (): Promise<string | undefined> =>
      STRIPE_ACCOUNT_ID === undefined ? askAccountId(client) : Promise.resolve(STRIPE_ACCOUNT_ID);
    // A key that has a name keeps it, set or unset: under another all of its periods would go again.
    const accountId = await accountIdOf(this.db.work, tenantId, key, say);
    if (STRIPE_ACCOUNT_ID !== undefined && STRIPE_ACCOUNT_ID !== accountId) {
      this.logger.warn(
        `STRIPE_ACCOUNT_ID is not used: pushes with this key are on record for ${accountId}`,
      );
    }
    return { accountId, livemode: isLiveKey(key), client };
  }
}
