import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LRUCache } from 'lru-cache';
import { MoreThan, type Repository } from 'typeorm';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { isStorableText } from '../domain/text.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { audit, type AuditedChange } from './audit/audit.js';
import { ApiKey } from './api-key.entity.js';
import {
  insertApiKey,
  liveKey,
  lockLiveAdminKeys,
  revokeApiKey,
  type NewApiKeyRow,
  type RevokedKey,
} from './api-key.store.js';
import type { Principal } from './caller.js';
import { digestOf, isWellFormedKey, keyIdOf, looksLikeKey, makeKey } from './key-text.js';
import type { Scope } from './scope.js';

/** A key as it is shown this once. */
export interface MadeApiKey {
  readonly keyId: string;
  readonly text: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Micros;
  readonly expiresAt: Micros | undefined;
}

/** Why nobody is let in. Only we are told: to the client all of them are one. */
export interface Refusal {
  readonly reason: 'missing' | 'malformed' | 'unknown';
  /** The id that the key names, where it has the form of ours. */
  readonly keyId?: string;
}

/** How long another process may still honour a key after it was revoked. */
const KNOWN_KEY_MS = 30_000;
/** How long a key may be refused after it was made, where it was tried before. */
const UNKNOWN_KEY_MS = 5_000;
const REMEMBERED_KEYS = 10_000;
/** No key is longer; a header may be 16 KiB. */
const KEY_CHARACTERS_MAX = 1_024;

const BEARER = /^Bearer +(\S+)$/i;

@Injectable()
export class ApiKeyService {
  /** By digest in hex. Requests that ask for one key at once share one query. */
  private readonly known: LRUCache<string, Principal>;
  /** Apart from the others, so that no flood of guesses drives a good key out. */
  private readonly unknown = new LRUCache<string, true>({
    max: REMEMBERED_KEYS,
    ttl: UNKNOWN_KEY_MS,
  });
  private readonly bootstrapDigest: Buffer | undefined;

  constructor(
    private readonly db: Database,
    config: Config,
    @InjectRepository(ApiKey, 'countonce') private readonly keys: Repository<ApiKey>,
  ) {
    const bootstrapKey = config.BOOTSTRAP_API_KEY;
    this.bootstrapDigest = bootstrapKey === undefined ? undefined : digestOf(bootstrapKey);
    this.known = new LRUCache({
      max: REMEMBERED_KEYS,
      ttl: KNOWN_KEY_MS,
      // Revoked while it was looked up: whoever asked before is answered, nobody after.
      ignoreFetchAbort: true,
      fetchMethod: async (digest, _, { options }) => {
        const startedAtMs = performance.now();
        const key = await liveKey(this.db.work, Buffer.from(digest, 'hex'));
        const livesForMs = Math.min(KNOWN_KEY_MS, key?.livesForMs ?? Infinity);
        // What the query did not see may be as old as the query; 0 would mean for ever.
        options.ttl = Math.max(1, Math.floor(livesForMs - (performance.now() - startedAtMs)));
        return key?.principal;
      },
    });
  }

  /** Whose key an `Authorization` header carries, if it is a valid one. */
  async authenticate(authorization: string | undefined): Promise<Principal | undefined> {
    const judged = await this.judge(authorization);
    return 'tenantId' in judged ? judged : undefined;
  }

  /** As `authenticate`, and why not. What cannot be a key is refused without asking the database. */
  async judge(authorization: string | undefined): Promise<Principal | Refusal> {
    const key = BEARER.exec(authorization ?? '')?.[1];
    if (key === undefined) {
      return { reason: authorization === undefined ? 'missing' : 'malformed' };
    }
    if (key.length > KEY_CHARACTERS_MAX) return { reason: 'malformed' };
    const digest = digestOf(key);
    const isOurs = isWellFormedKey(key);
    if (looksLikeKey(key) && !isOurs && !this.isBootstrap(digest)) return { reason: 'malformed' };

    const name = digest.toString('hex');
    const refusal: Refusal = { reason: 'unknown', ...(isOurs ? { keyId: keyIdOf(key) } : {}) };
    if (this.unknown.has(name)) return refusal;
    const principal = await this.known.fetch(name);
    if (principal !== undefined) return principal;
    this.unknown.set(name, true);
    return refusal;
  }

  /** @throws ValidationProblem where it would be expired by now. */
  async create(
    tenantId: string,
    name: string,
    scopes: readonly Scope[],
    expiresAt?: Micros,
  ): Promise<MadeApiKey> {
    const { keyId, text } = makeKey();
    const row = { tenantId, keyId, name, keyHash: digestOf(text), scopes, expiresAt };
    const createdAt = await this.db.work.transaction(async (tx) => {
      const at = await insertApiKey(tx, row);
      if (at === undefined) throw expiredAlready();
      await audit(tx, tenantId, creationOf(row));
      return at;
    });
    return { keyId, text, name, scopes, createdAt, expiresAt };
  }

  /** The tenant's keys by id, revoked ones included. */
  async list(tenantId: string, page: PageRequest): Promise<Page<ApiKey>> {
    const rows = await this.keys.find({
      where: { tenantId, keyId: MoreThan(page.after?.[0] ?? '') },
      order: { keyId: 'ASC' },
      take: page.limit + 1,
    });
    return toPage(rows, page, (key) => [key.keyId]);
  }

  /**
   * From now on here, and within 30 s in every other process.
   *
   * @throws Problem `last_admin_key` where nobody could make keys any more: not even an admin of
   *   the tenant could mend that over HTTP.
   */
  async revoke(tenantId: string, keyId: string): Promise<void> {
    if (!isStorableText(keyId)) throw apiKeyNotFound(keyId);
    const revoked = await this.db.work.transaction(async (tx) => {
      const admins = await lockLiveAdminKeys(tx, tenantId);
      if (admins.length === 1 && admins[0] === keyId) {
        throw new Problem('last_admin_key', `${keyId} is the last key with the scope admin`);
      }
      const key = await revokeApiKey(tx, tenantId, keyId, Date.now() * 1_000);
      if (key?.isNew === true) await audit(tx, tenantId, revocationOf(keyId, key));
      return key;
    });
    if (revoked === undefined) throw apiKeyNotFound(keyId);
    this.forget(revoked.keyHash);
  }

  /** Has a key looked up anew by this process, as something about it has changed. */
  forget(keyHash: Buffer): void {
    this.known.delete(keyHash.toString('hex'));
  }

  private isBootstrap(digest: Buffer): boolean {
    return this.bootstrapDigest !== undefined && timingSafeEqual(this.bootstrapDigest, digest);
  }
}

export function apiKeyNotFound(keyId: string): Problem {
  return new Problem('api_key_not_found', `no API key has the id ${keyId}`);
}

export function expiredAlready(): ValidationProblem {
  const detail = 'expires_at must lie ahead';
  return new ValidationProblem([{ pointer: '/expires_at', code: 'invalid', detail }]);
}

/** What the audit tells of a key that was made. */
export function creationOf({ keyId, name, scopes, expiresAt }: NewApiKeyRow): AuditedChange {
  const ends = expiresAt === undefined ? {} : { expires_at: formatInstant(expiresAt) };
  const after = { id: keyId, name, scopes, ...ends };
  return { action: 'api_key.created', subject: `api_key:${keyId}`, after };
}

function revocationOf(keyId: string, { name, scopes, revokedAt }: RevokedKey): AuditedChange {
  const key = { id: keyId, name, scopes };
  return {
    action: 'api_key.revoked',
    subject: `api_key:${keyId}`,
    before: { ...key, revoked_at: null },
    after: { ...key, revoked_at: formatInstant(revokedAt) },
  };
}
