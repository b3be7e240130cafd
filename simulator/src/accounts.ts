import { Account } from './account.js';
import { ApiError } from './errors.js';
import { derivedId } from './ids.js';

/** Who calls, and on whose data. */
export interface Caller {
  account: Account;
  /** A restricted key may lack a permission; a session token stands for the key that asked for it. */
  keyKind: 'secret' | 'restricted' | 'session';
  /** A platform's key at work on a connected account, under other limits. */
  connect: boolean;
}

interface Key {
  account: Account;
  keyKind: 'secret' | 'restricted';
}

/** The accounts of a simulator, made on the first use of a key. */
export class Accounts {
  readonly #byScope = new Map<string, Account>();
  readonly #byKey = new Map<string, Key>();
  /** By the id of the platform's account. */
  readonly #connected = new Map<string, Set<string>>();
  readonly #revoked = new Set<string>();

  /**
   * `idsByKey` puts several keys on one account, or gives an account a chosen id. `connectedByKey`
   * lists the accounts that the platform of a key may work on.
   */
  constructor(
    private readonly idsByKey: Readonly<Record<string, string>> = {},
    private readonly connectedByKey: Readonly<Record<string, readonly string[]>> = {},
  ) {
    this.#connectAsGiven();
  }

  /**
   * Takes `Bearer sk_…` or Basic with the key as the user; anything else is a 401. `onBehalfOf` is
   * the account of the header `Stripe-Account`; one that the key has no access to is a 403.
   */
  authenticate(authorization: string | undefined, onBehalfOf: string | null): Caller {
    if (authorization === undefined) {
      throw unauthorized('You did not provide an API key. Use Bearer auth or Basic auth.');
    }
    const text = presentedKey(authorization);
    const key = this.#key(text);
    if (!key || this.#revoked.has(text)) {
      throw unauthorized(`Invalid API Key provided: ${masked(text)}`);
    }
    const { account, keyKind } = key;
    if (onBehalfOf === null || onBehalfOf === account.id) {
      return { account, keyKind, connect: false };
    }
    if (!this.#connected.get(account.id)?.has(onBehalfOf)) throw noAccess(text, onBehalfOf);
    return { account: this.#ofIdAndMode(onBehalfOf, account.livemode), keyKind, connect: true };
  }

  /** Null for what is neither a secret nor a restricted key. */
  ofKey(key: string): Account | null {
    return this.#key(key)?.account ?? null;
  }

  /** Lets a platform, named by one of its keys, work on another account in both modes. */
  connect(platformKey: string, accountId: string): void {
    const platform = this.ofKey(platformKey);
    if (!platform) throw new RangeError('A secret key begins with sk_test_ or sk_live_');
    const connected = this.#connected.get(platform.id) ?? new Set();
    this.#connected.set(platform.id, connected.add(accountId));
  }

  /** A key that was rolled: from now on a 401. */
  revoke(key: string): void {
    this.#revoked.add(key);
  }

  /** Ids of the accounts whose keys may work on this one. */
  platformsOf(accountId: string): string[] {
    return [...this.#connected].flatMap(([id, ids]) => (ids.has(accountId) ? id : []));
  }

  all(): Account[] {
    return [...this.#byScope.values()];
  }

  clear(): void {
    this.#byScope.clear();
    this.#byKey.clear();
    this.#connected.clear();
    this.#revoked.clear();
    this.#connectAsGiven();
  }

  #connectAsGiven(): void {
    for (const [key, ids] of Object.entries(this.connectedByKey)) {
      for (const id of ids) this.connect(key, id);
    }
  }

  #key(text: string): Key | null {
    const known = this.#byKey.get(text);
    if (known) return known;
    const [, kind, mode] = /^([sr]k)_(test|live)_.+$/.exec(text) ?? [];
    if (mode === undefined) return null;
    const id = this.idsByKey[text] ?? derivedId('acct_', text);
    const account = this.#ofIdAndMode(id, mode === 'live');
    const key: Key = { account, keyKind: kind === 'rk' ? 'restricted' : 'secret' };
    this.#byKey.set(text, key);
    return key;
  }

  #ofIdAndMode(id: string, livemode: boolean): Account {
    const account = new Account(id, livemode);
    const known = this.#byScope.get(account.scope);
    if (known) return known;
    this.#byScope.set(account.scope, account);
    return account;
  }
}

/** What stands in the header, of whatever kind it is. */
export function presentedKey(authorization: string): string {
  const space = authorization.indexOf(' ');
  const scheme = authorization.slice(0, space).toLowerCase();
  const credentials = authorization.slice(space + 1).trim();
  if (scheme === 'bearer') return credentials;
  if (scheme !== 'basic') return '';
  return Buffer.from(credentials, 'base64').toString('utf8').split(':', 1)[0] ?? '';
}

export function unauthorized(message: string): ApiError {
  return new ApiError(401, message, { headers: { 'WWW-Authenticate': 'Basic realm="Stripe"' } });
}

function noAccess(key: string, accountId: string): ApiError {
  const message =
    `The provided key '${masked(key)}' does not have access to account '${accountId}' ` +
    '(or that account does not exist). Application access may have been revoked.';
  return new ApiError(403, message, { code: 'account_invalid' });
}

function masked(key: string): string {
  return key.length <= 12 ? '*'.repeat(key.length) : `${key.slice(0, 8)}****${key.slice(-4)}`;
}
