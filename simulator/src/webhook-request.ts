import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** What came of one attempt: a status, or why there was none. */
export type WebhookOutcome = { status: number } | { error: string };

/** Posts once over a connection of its own. Redirects are not followed: at Stripe they are failures. */
export function postWebhook(
  url: string,
  body: string,
  signature: string,
  timeoutMs: number,
): Promise<WebhookOutcome> {
  const request = new URL(url).protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve) => {
    const fail = (error: Error): void => {
      resolve({ error: (error as NodeJS.ErrnoException).code ?? error.message });
    };
    const outgoing = request(url, {
      method: 'POST',
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': Buffer.byteLength(body),
        'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'Stripe-Signature': signature,
      },
    });
    outgoing.once('error', fail);
    outgoing.once('response', (response) => {
      response.once('error', fail);
      response.once('end', () => resolve({ status: response.statusCode ?? 0 }));
      response.resume();
    });
    outgoing.end(body);
  });
}
