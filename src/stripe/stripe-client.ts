import type { Agent } from 'node:http';
import Stripe from 'stripe';

/** Long enough for a slow answer, short against the lease of a push. The SDK's own is 80 s. */
const TIMEOUT_MS = 15_000;

const CLOSED_CONNECTION: ReadonlySet<unknown> = new Set(
  Stripe.HttpClient.CONNECTION_CLOSED_ERROR_CODES,
);

type HttpClient = NonNullable<Stripe.StripeConfig['httpClient']>;

/** How requests travel, where not as usual. */
export interface StripeTransport {
  /** Named in the `Stripe-Account` header of every call. */
  readonly connectedAccount?: string | null;
  readonly agent?: Agent;
  readonly timeoutMs?: number;
}

/**
 * The SDK without retries of its own: a push is sent again from its row, where it is counted.
 *
 * Even with `maxNetworkRetries: 0` the SDK resends once after a closed connection, and the answer
 * to the second request would hide that the first may have been executed. It tells a closed
 * connection by the error's code, so that is taken away.
 * Source: stripe-node 23.1.0, RequestSender._shouldRetry.
 */
export function stripeClient(
  secretKey: string,
  apiBase: string,
  { connectedAccount = null, agent, timeoutMs = TIMEOUT_MS }: StripeTransport = {},
): Stripe {
  const { protocol, hostname, port } = new URL(apiBase);
  return new Stripe(secretKey, {
    host: hostname,
    protocol: protocol === 'http:' ? 'http' : 'https',
    port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
    maxNetworkRetries: 0,
    timeout: timeoutMs,
    telemetry: false,
    appInfo: { name: 'countonce' },
    ...(connectedAccount !== null && { stripeAccount: connectedAccount }),
    httpClient: sendingOnce(Stripe.createNodeHttpClient(agent)),
  });
}

function sendingOnce(client: HttpClient): HttpClient {
  return {
    getClientName: () => client.getClientName(),
    makeRequest: async (...request) => {
      try {
        return await client.makeRequest(...request);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (!CLOSED_CONNECTION.has(code)) throw error;
        throw new Error(`the connection was closed (${String(code)})`, { cause: error });
      }
    },
  };
}
