import type { Account } from './account.js';
import { unauthorized, type Caller } from './accounts.js';
import { ApiError } from './errors.js';

/** Source: https://docs.stripe.com/api/v2/billing-meter-stream */
export const SESSION_MS = 15 * 60 * 1000;

/** The tokens of `POST /v2/billing/meter_event_session`, dead once they are 15 minutes old. */
export class StreamSessions {
  readonly #byToken = new Map<string, { account: Account; expiresAtMs: number }>();

  constructor(private readonly nowMs: () => number) {}

  open(token: string, account: Account): { createdMs: number; expiresAtMs: number } {
    const createdMs = this.nowMs();
    const expiresAtMs = createdMs + SESSION_MS;
    this.#byToken.set(token, { account, expiresAtMs });
    return { createdMs, expiresAtMs };
  }

  authenticate(token: string): Caller {
    const session = this.#byToken.get(token);
    if (!session) throw unauthorized('Invalid authentication token provided.');
    if (this.nowMs() >= session.expiresAtMs) throw expired();
    return { account: session.account, keyKind: 'session', connect: false };
  }

  clear(): void {
    this.#byToken.clear();
  }
}

function expired(): ApiError {
  return new ApiError(401, 'The temporary session token has expired.', {
    type: 'temporary_session_expired',
    code: 'billing_meter_event_session_expired',
    docUrl: 'https://docs.stripe.com/error-codes#billing-meter-event-session-expired',
  });
}
