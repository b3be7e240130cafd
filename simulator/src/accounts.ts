import { Account } from './account.js';
import { ApiError } from './errors.js';
import { derivedId } from './ids.js';

/** The accounts of a simulator, made on the first use of a secret key. */
export class Accounts {
  readonly #byScope = new Map<string, Account>();
  readonly #byKey = new Map<string, Account>();

  /** `idsByKey` puts several secret keys on one account, or gives an account a chosen id. */
  constructor(private readonly idsByKey: Readonly<Record<string, string>> = {}) {}

  /** Takes `Bearer sk_…` or Basic with the key as the user; anything else is a 401. */
  authenticate(authorization: string | undefined): Account {
    if (authorization === undefined) {
      throw unauthorized('You did not provide an API key. Use Bearer auth or Basic auth.');
    }
    const key = presentedKey(authorization);
    const account = this.ofKey(key);
    if (account === null) throw unauthorized(`Invalid API Key provided: ${masked(key)}`);
    return account;
  }

  /** Null for what is no secret key at all. */
  ofKey(key: string): Account | null {
    const known = this.#byKey.get(key);
    if (known) return known;
    const mode = /^sk_(test|live)_.+$/.exec(key)?.[1];
    if (mode === undefined) return null;
    const id = this.idsByKey[key] ?? derivedId('acct_', key);
    const account = this.#ofIdAndMode(id, mode === 'live');
    this.#byKey.set(key, account);
    return account;
  }

  all(): Account[] {
    return [...this.#byScope.values()];
  }

  clear(): void {
    this.#byScope.clear();
    this.#byKey.clear();
  }

  #ofIdAndMode(id: string, livemode: boolean): Account {
    const account = new Account(id, livemode);
    const known = this.#byScope.get(account.scope);
    if (known) return known;
    this.#byScope.set(account.scope, account);
    return account;
  }
}

function presentedKey(authorization: string): string {
  const space = authorization.indexOf(' ');
  const scheme = authorization.slice(0, space).toLowerCase();
  const credentials = authorization.slice(space + 1).trim();
  if (scheme === 'bearer') return credentials;
  if (scheme !== 'basic') return '';
  return Buffer.from(credentials, 'base64').toString('utf8').split(':', 1)[0] ?? '';
}

function unauthorized(message: string): ApiError {
  return new ApiError(401, message, { headers: { 'WWW-Authenticate': 'Basic realm="Stripe"' } });
}

function masked(key: string): string {
  return key.length <= 12 ? '*'.repeat(key.length) : `${key.slice(0, 8)}****${key.slice(-4)}`;
}
