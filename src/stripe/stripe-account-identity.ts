import { hash } from 'node:crypto';
import type { Queryable } from '../database/connections.js';
import { accountNameOfKey } from './stripe-account.js';

const KNOWN = `
  SELECT key_digest AS "keyDigest", account_id AS "accountId"
    FROM stripe_account_identity
   WHERE tenant_id = $1 AND (key_digest = ANY ($2::bytea[]) OR account_id = $3)`;

const KEEP = `
  INSERT INTO stripe_account_identity (tenant_id, key_digest, account_id)
  SELECT $1, d.digest, $3 FROM unnest($2::bytea[]) AS d (digest)
  ON CONFLICT (tenant_id, key_digest) DO NOTHING`;

interface KnownKey {
  readonly keyDigest: Buffer;
  readonly accountId: string;
}

/**
 * The account that a key's pushes belong to. The first name that an account got holds: under
 * another one everything would be sent a second time.
 *
 * A restricted key may not ask for its account, so what is known of a key is kept for the keys that
 * share its characters as well: rolling a key that may ask into one that may not changes nothing.
 *
 * @param say What Stripe, or the environment, says of the key; nothing where it does not tell.
 */
export async function accountIdOf(
  db: Queryable,
  tenantId: string,
  secretKey: string,
  say: () => Promise<string | undefined>,
): Promise<string> {
  const madeName = accountNameOfKey(secretKey);
  const ofKey = hash('sha256', secretKey, 'buffer');
  const ofKin = hash('sha256', madeName, 'buffer');
  const read = () => db.query<KnownKey>(KNOWN, [tenantId, [ofKey, ofKin], madeName]);
  const known = await read();
  const held = heldName(known, ofKey, madeName);
  if (held !== undefined) return held;
  const kin = known.find(({ keyDigest }) => keyDigest.equals(ofKin));
  const accountId = (await say()) ?? kin?.accountId ?? madeName;
  await keepAccountId(db, tenantId, secretKey, accountId);
  // Another process may have been first.
  return heldName(await read(), ofKey, madeName)!;
}

/** Keeps what was said of a key for the keys that will take its place. */
export async function keepAccountId(
  db: Queryable,
  tenantId: string,
  secretKey: string,
  accountId: string,
): Promise<void> {
  const digests = [secretKey, accountNameOfKey(secretKey)].map((text) =>
    hash('sha256', text, 'buffer'),
  );
  await db.query(KEEP, [tenantId, digests, accountId]);
}

function heldName(known: readonly KnownKey[], ofKey: Buffer, madeName: string): string | undefined {
  if (known.some(({ accountId }) => accountId === madeName)) return madeName;
  return known.find(({ keyDigest }) => keyDigest.equals(ofKey))?.accountId;
}
