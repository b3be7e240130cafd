import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';

/** What a secret is for: a ciphertext of one purpose is none of another. */
export type SecretPurpose = 'stripe_secret_key' | 'stripe_webhook_secrets';

/** A ciphertext that is altered, another row's, or whose key this process does not have. */
export class UnreadableSecret extends Error {
  override readonly name = 'UnreadableSecret';
}

const ALGORITHM = 'aes-256-gcm';
/** NIST SP 800-38D: 96 bits, at random for fewer than 2^32 messages of a key. */
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_NAME_CHARACTERS = 8;
const FORMAT = 'a1';

/**
 * Secrets at rest: `a1.<name of the key>.<iv, ciphertext, tag>`. Tenant and purpose are
 * authenticated with it, so that a row copied to another tenant does not decrypt there.
 */
export class SecretCipher {
  private readonly keys: ReadonlyMap<string, Buffer>;
  private readonly newest: string | undefined;

  /** @param keys 32 bytes each; the first encrypts, all decrypt. */
  constructor(keys: readonly Buffer[]) {
    this.keys = new Map(keys.map((key) => [nameOfKey(key), key]));
    this.newest = keys[0] === undefined ? undefined : nameOfKey(keys[0]);
  }

  get canEncrypt(): boolean {
    return this.newest !== undefined;
  }

  encrypt(tenantId: string, purpose: SecretPurpose, secret: string): string {
    if (this.newest === undefined) throw new Error('there is no key to encrypt with');
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.keys.get(this.newest)!, iv);
    cipher.setAAD(contextOf(tenantId, purpose));
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    const whole = Buffer.concat([iv, text, cipher.getAuthTag()]);
    return `${FORMAT}.${this.newest}.${whole.toString('base64url')}`;
  }

  /** @throws UnreadableSecret telling why, never the secret. */
  decrypt(tenantId: string, purpose: SecretPurpose, ciphertext: string): string {
    const [format, keyName = '', encoded = ''] = ciphertext.split('.');
    const whole = Buffer.from(encoded, 'base64url');
    if (format !== FORMAT || whole.length < IV_BYTES + TAG_BYTES) {
      throw new UnreadableSecret(`the stored ${purpose} is not a ciphertext`);
    }
    const key = this.keys.get(keyName);
    if (key === undefined) {
      const missing = `the stored ${purpose} was encrypted by the key ${keyName}`;
      throw new UnreadableSecret(`${missing}, which ENCRYPTION_KEY does not hold`);
    }
    const decipher = createDecipheriv(ALGORITHM, key, whole.subarray(0, IV_BYTES));
    decipher.setAAD(contextOf(tenantId, purpose));
    decipher.setAuthTag(whole.subarray(-TAG_BYTES));
    try {
      const text = decipher.update(whole.subarray(IV_BYTES, -TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch (error) {
      const why = `the stored ${purpose} was altered, or is another tenant's`;
      throw new UnreadableSecret(why, { cause: error });
    }
  }
}

/** The first 32 bits of its SHA-256 tell keys apart, and nothing of 256 random bits. */
function nameOfKey(key: Buffer): string {
  return hash('sha256', key, 'hex').slice(0, KEY_NAME_CHARACTERS);
}

function contextOf(tenantId: string, purpose: SecretPurpose): Buffer {
  return Buffer.from(JSON.stringify(['countonce', tenantId, purpose]));
}
