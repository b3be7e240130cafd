import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/** The Stripe account that a tenant set, its secrets encrypted. */
export interface StripeAccountRow {
  readonly version: string;
  readonly accountId: string;
  readonly livemode: boolean;
  readonly connectedAccount: string | null;
  readonly secretKey: string;
  readonly secretKeyLast4: string;
  readonly webhookSecrets: string;
  readonly webhookSecretCount: number;
}

/** A tenant's name, which says whether the environment is about it, and the account that it set. */
export interface TenantAccount {
  readonly tenantName: string;
  readonly row: StripeAccountRow | undefined;
}

const SELECT = `
  SELECT t.name AS "tenantName", a.version, a.account_id AS "accountId", a.livemode,
         a.connected_account AS "connectedAccount", a.secret_key AS "secretKey",
         a.secret_key_last4 AS "secretKeyLast4", a.webhook_secrets AS "webhookSecrets",
         a.webhook_secret_count AS "webhookSecretCount"
    FROM tenant t
    LEFT JOIN stripe_account a ON a.tenant_id = t.tenant_id
   WHERE t.tenant_id = $1`;

const UPSERT = `
  INSERT INTO stripe_account (tenant_id, version, account_id, livemode, connected_account,
                              secret_key, secret_key_last4, webhook_secrets, webhook_secret_count,
                              updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  ON CONFLICT (tenant_id) DO UPDATE
     SET version = excluded.version, account_id = excluded.account_id,
         livemode = excluded.livemode, connected_account = excluded.connected_account,
         secret_key = excluded.secret_key, secret_key_last4 = excluded.secret_key_last4,
         webhook_secrets = excluded.webhook_secrets,
         webhook_secret_count = excluded.webhook_secret_count, updated_at = excluded.updated_at`;

/** @returns Nothing where there is no such tenant. */
export async function tenantAccount(
  db: Queryable,
  tenantId: string,
): Promise<TenantAccount | undefined> {
  const [found] = await db.query<Partial<StripeAccountRow> & { tenantName: string }>(SELECT, [
    tenantId,
  ]);
  if (found === undefined) return undefined;
  const { tenantName, ...row } = found;
  return { tenantName, row: row.version === null ? undefined : (row as StripeAccountRow) };
}

export async function writeStripeAccount(
  tx: Transaction,
  tenantId: string,
  row: StripeAccountRow,
  at: Micros,
): Promise<void> {
  await tx.query(UPSERT, [
    tenantId,
    row.version,
    row.accountId,
    row.livemode,
    row.connectedAccount,
    row.secretKey,
    row.secretKeyLast4,
    row.webhookSecrets,
    row.webhookSecretCount,
    formatInstantMicros(at),
  ]);
}

/** @returns Whether there was one. */
export async function deleteStripeAccount(tx: Transaction, tenantId: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM stripe_account WHERE tenant_id = $1 RETURNING 1', [
    tenantId,
  ]);
  return rows.length > 0;
}
