import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate } from '../database/gate.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { auditAccount } from './stripe-account-audit.js';
import { SecretCipher, UnreadableSecret } from './stripe-account-cipher.js';
import { accountIdOf } from './stripe-account-identity.js';
import { askAccountId, isLiveKey, StripeUnavailable } from './stripe-account.js';
import {
  deleteStripeAccount,
  tenantAccount,
  writeStripeAccount,
  type StripeAccountRow,
} from './stripe-account.store.js';
import { StripeAccounts } from './stripe-accounts.js';
import { stripeClient } from './stripe-client.js';

/** What is set; an absent field keeps its value, null clears it. */
export interface StripeAccountChange {
  readonly secretKey?: string;
  readonly webhookSecrets?: readonly string[] | null;
  readonly connectedAccount?: string | null;
}

const LAST_CHARACTERS = 4;

/** The Stripe account that a tenant sets for itself. Its secrets go in and never come out. */
@Injectable()
export class StripeAccountService {
  private readonly cipher: SecretCipher;

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: StripeAccounts,
  ) {
    this.cipher = new SecretCipher(config.encryptionKeys);
  }

  /** @throws Problem `stripe_account_not_found` where the tenant set none. */
  async get(tenantId: string): Promise<StripeAccountRow> {
    const found = await tenantAccount(this.db.work, tenantId);
    if (found?.row === undefined) throw notFound();
    return found.row;
  }

  /**
   * Sets the tenant's account, once Stripe has taken the key. Pushes that were held, or planned for
   * another account, are planned again.
   *
   * @throws Problem `encryption_key_missing`, `stripe_key_refused`, `stripe_unavailable`,
   *   `secret_unreadable` or `stripe_account_changed`; then nothing was changed.
   */
  async put(tenantId: string, change: StripeAccountChange): Promise<StripeAccountRow> {
    if (!this.cipher.canEncrypt) {
      throw new Problem('encryption_key_missing', 'ENCRYPTION_KEY is not set');
    }
    const before = (await tenantAccount(this.db.work, tenantId))?.row;
    const row = await this.changed(tenantId, before, change);
    await this.write(tenantId, before, async (tx, at) => {
      await writeStripeAccount(tx, tenantId, row, at);
      // What is recorded, closed and pushed from here on is for real.
      if (row.livemode) {
        await tx.query('UPDATE tenant SET clock_offset_micros = 0 WHERE tenant_id = $1', [
          tenantId,
        ]);
      }
      await auditAccount(tx, tenantId, before, row);
    });
    // This process works with it from the next call on.
    await this.accounts.isConfigured(tenantId);
    return row;
  }

  /** @throws Problem `stripe_account_not_found` where the tenant set none. */
  async remove(tenantId: string): Promise<void> {
    await behindClosedGate(this.db.work, tenantId, async (tx) => {
      const before = (await tenantAccount(tx, tenantId))?.row;
      if (!(await deleteStripeAccount(tx, tenantId))) throw notFound();
      await auditAccount(tx, tenantId, before, undefined);
    });
    await this.accounts.isConfigured(tenantId);
  }

  /** Behind the gate, so that whoever plans pushes learns of it by the gate's version. */
  private async write(
    tenantId: string,
    before: StripeAccountRow | undefined,
    work: (tx: Transaction, at: number) => Promise<void>,
  ): Promise<void> {
    await behindClosedGate(this.db.work, tenantId, async (tx, { receivedAt }) => {
      const now = (await tenantAccount(tx, tenantId))?.row;
      if (now?.version !== before?.version) {
        throw new Problem('stripe_account_changed', 'another request set it at the same time');
      }
      await work(tx, receivedAt);
    });
  }

  private async changed(
    tenantId: string,
    before: StripeAccountRow | undefined,
    change: StripeAccountChange,
  ): Promise<StripeAccountRow> {
    const secretKey = change.secretKey ?? this.storedKey(tenantId, before);
    const connectedAccount =
      change.connectedAccount === undefined
        ? (before?.connectedAccount ?? null)
        : change.connectedAccount;
    const keepsSecrets = change.webhookSecrets === undefined && before !== undefined;
    const secrets = [...new Set(change.webhookSecrets ?? [])];
    return {
      version: randomUUID(),
      accountId: await this.accountId(tenantId, secretKey, connectedAccount),
      livemode: isLiveKey(secretKey),
      connectedAccount,
      secretKey: this.cipher.encrypt(tenantId, 'stripe_secret_key', secretKey),
      secretKeyLast4: secretKey.slice(-LAST_CHARACTERS),
      webhookSecrets: keepsSecrets
        ? before.webhookSecrets
        : this.cipher.encrypt(tenantId, 'stripe_webhook_secrets', JSON.stringify(secrets)),
      webhookSecretCount: keepsSecrets ? before.webhookSecretCount : secrets.length,
    };
  }

  private storedKey(tenantId: string, before: StripeAccountRow | undefined): string {
    if (before === undefined) {
      const detail = 'secret_key must be sent, as none is set yet';
      throw new ValidationProblem([{ pointer: '/secret_key', code: 'required', detail }]);
    }
    try {
      return this.cipher.decrypt(tenantId, 'stripe_secret_key', before.secretKey);
    } catch (error) {
      if (!(error instanceof UnreadableSecret)) throw error;
      throw new Problem('secret_unreadable', error.message, { cause: error });
    }
  }

  /** Asks Stripe even where the account is known: the key may be revoked. */
  private async accountId(
    tenantId: string,
    secretKey: string,
    connectedAccount: string | null,
  ): Promise<string> {
    const client = stripeClient(secretKey, this.config.STRIPE_API_BASE, { connectedAccount });
    const said = await askAccountId(client).catch(refuse);
    if (connectedAccount === null) {
      return accountIdOf(this.db.work, tenantId, secretKey, () => Promise.resolve(said));
    }
    if (said !== undefined && said !== connectedAccount) {
      throw new Problem('stripe_key_refused', `Stripe shows ${said}, not ${connectedAccount}`);
    }
    return connectedAccount;
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof StripeUnavailable)) throw error;
  const code = error.isRefusal ? 'stripe_key_refused' : 'stripe_unavailable';
  throw new Problem(code, error.message, { cause: error });
}

function notFound(): Problem {
  return new Problem('stripe_account_not_found', 'the tenant has set no Stripe account');
}
