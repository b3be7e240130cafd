import { audit } from '../access/audit/audit.js';
import type { Transaction } from '../database/connections.js';
import type { StripeAccountRow } from './stripe-account.store.js';

/**
 * Notes that a tenant's Stripe account was set or removed, without its secrets. A live one ends the
 * test clock as well: `livemode` says so.
 */
export async function auditAccount(
  tx: Transaction,
  tenantId: string,
  before: StripeAccountRow | undefined,
  after: StripeAccountRow | undefined,
): Promise<void> {
  await audit(tx, tenantId, {
    action: after === undefined ? 'stripe_account.removed' : 'stripe_account.changed',
    subject: 'stripe_account',
    before: told(before),
    after: told(after),
  });
}

function told(row: StripeAccountRow | undefined): object | null {
  if (row === undefined) return null;
  return {
    account_id: row.accountId,
    livemode: row.livemode,
    secret_key_last4: row.secretKeyLast4,
    webhook_secret_count: row.webhookSecretCount,
    stripe_account: row.connectedAccount,
  };
}
