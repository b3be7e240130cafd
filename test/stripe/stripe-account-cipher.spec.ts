import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SecretCipher, UnreadableSecret } from '../../src/stripe/stripe-account-cipher.js';

const TENANT = randomUUID();
const KEY = randomBytes(32);
const PURPOSE = 'stripe_secret_key';

describe('a secret at rest', () => {
  it('comes back as it went in, whatever it holds, and never looks the same twice', () => {
    const cipher = new SecretCipher([KEY]);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (secret) => {
        const first = cipher.encrypt(TENANT, PURPOSE, secret);
        expect(cipher.decrypt(TENANT, PURPOSE, first)).toBe(secret);
        expect(cipher.encrypt(TENANT, PURPOSE, secret)).not.toBe(first);
      }),
    );
  });

  it('cannot be read in its ciphertext', () => {
    const secret = 'sk_live_51SecretSecretSecret';
    const ciphertext = new SecretCipher([KEY]).encrypt(TENANT, PURPOSE, secret);
    const bytes = Buffer.from(ciphertext.split('.')[2]!, 'base64url');
    expect(ciphertext).not.toContain('51Secret');
    expect(bytes.includes('Secret')).toBe(false);
  });

  it('is refused once a single bit of it is another', () => {
    const cipher = new SecretCipher([KEY]);
    const [format, name, encoded] = cipher.encrypt(TENANT, PURPOSE, 'sk_test_x').split('.');
    const bits = Buffer.from(encoded!, 'base64url').length * 8;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bits - 1 }), (bit) => {
        const altered = Buffer.from(encoded!, 'base64url');
        altered[bit >> 3]! ^= 1 << (bit & 7);
        const text = `${format}.${name}.${altered.toString('base64url')}`;
        expect(() => cipher.decrypt(TENANT, PURPOSE, text)).toThrow(UnreadableSecret);
        expect(() => cipher.decrypt(TENANT, PURPOSE, text)).toThrow('was altered');
      }),
      { numRuns: 300 },
    );
  });

  it('belongs to its tenant and its purpose alone', () => {
    const cipher = new SecretCipher([KEY]);
    const ciphertext = cipher.encrypt(TENANT, PURPOSE, 'sk_test_x');
    expect(() => cipher.decrypt(randomUUID(), PURPOSE, ciphertext)).toThrow(UnreadableSecret);
    expect(() => cipher.decrypt(TENANT, 'stripe_webhook_secrets', ciphertext)).toThrow(
      UnreadableSecret,
    );
  });

  it('is decrypted by a key that was replaced, and encrypted by the new one', () => {
    const next = randomBytes(32);
    const old = new SecretCipher([KEY]).encrypt(TENANT, PURPOSE, 'sk_test_x');
    const rotated = new SecretCipher([next, KEY]);
    expect(rotated.decrypt(TENANT, PURPOSE, old)).toBe('sk_test_x');
    const renewed = rotated.encrypt(TENANT, PURPOSE, 'sk_test_x');
    expect(new SecretCipher([next]).decrypt(TENANT, PURPOSE, renewed)).toBe('sk_test_x');
    expect(() => new SecretCipher([next]).decrypt(TENANT, PURPOSE, old)).toThrow(
      'which ENCRYPTION_KEY does not hold',
    );
    expect(() => new SecretCipher([]).decrypt(TENANT, PURPOSE, old)).toThrow(UnreadableSecret);
  });

  it.each(['', 'sk_test_x', 'a1', 'a1..', 'a2.00000000.AAAA', 'a1.00000000.!!'])(
    'is not taken for one: %j',
    (text) => {
      expect(() => new SecretCipher([KEY]).decrypt(TENANT, PURPOSE, text)).toThrow(
        UnreadableSecret,
      );
    },
  );
});
