import { createHmac } from 'node:crypto';

/**
 * The `Stripe-Signature` header: HMAC-SHA256 over `t.body` under each secret.
 * Source: https://docs.stripe.com/webhooks#verify-manually
 */
export function signatureHeader(
  body: string,
  secrets: readonly string[],
  /** Unix seconds. */
  t: number,
  extraScheme: 'none' | 'v0',
): string {
  const hex = (secret: string): string =>
    createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
  const known = secrets.map((secret) => `v1=${hex(secret)}`);
  const unknown = extraScheme === 'v0' ? [`v0=${hex('unknown')}`] : [];
  return [`t=${t}`, ...known, ...unknown].join(',');
}
