import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LRUCache } from 'lru-cache';
import { MoreThan, type Repository } from 'typeorm';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { isStorableText } from '../domain/text.js';
import { Problem } from '../problem/problem.js';
import { audit, type AuditedChange } from './audit/audit.js';
import { ApiKey } from './api-key.entity.js';
import { insertApiKey, principalOf, revokeApiKey, type RevokedKey } from './api-key.store.js';
import type { Principal } from './caller.js';
import { digestOf, isWellFormedKey, looksLikeKey, makeKey } from './key-text.js';
import type { Scope } from './scope.js';

/** A key as it is shown this once. */
export interface MadeApiKey {
  readonly keyId: string;
  readonly text: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Micros;
}

/** How long another process may still honour a key after it was revoked. */
const KNOWN_KEY_MS = 30_000;
/** How long a key may be refused after it was made, where it was tried before. */
const UNKNOWN_KEY_MS = 5_000;
const REMEMBERED_KEYS = 10_000;
/** No key is longer; a header may be 16 KiB. */
const KEY_CHARACTERS_MAX = 1_024;

const BEARER = /^Bearer +(\S+)$/i;

interface Lookup {
  readonly principal: Principal | undefined;
}

@Injectable()
export class ApiKeyService {
  /** By digest in hex. Requests that ask for one key at once share one query. */
  private readonly lookups: LRUCache<string, Lookup>;
  private readonly bootstrapDigest: Buffer | undefined;

  constructor(
    private readonly db: Database,
    config: Config,
    @InjectRepository(ApiKey, 'countonce') private readonly keys: Repository<ApiKey>,
  ) {
    const bootstrapKey = config.BOOTSTRAP_API_KEY;
    this.bootstrapDigest = bootstrapKey === undefined ? undefined : digestOf(bootstrapKey);
    this.lookups = new LRUCache({
      max: REMEMBERED_KEYS,
      fetchMethod: async (digest, _, { options }) => {
        const principal = await principalOf(this.db.work, Buffer.from(digest, 'hex'));
        options.ttl = principal === undefined ? UNKNOWN_KEY_MS : KNOWN_KEY_MS;
        return { principal };
      },
      ttl: UNKNOWN_KEY_MS,
    });
  }

  /** Whose key an `Authorization` header carries, if it is a valid one. */
  async authenticate(authorization: string | undefined): Promise<Principal | undefined> {
    const key = BEARER.exec(authorization ?? '')?.[1];
    if (key === undefined || key.length > KEY_CHARACTERS_MAX) return undefined;
    const digest = digestOf(key);
    if (looksLikeKey(key) && !isWellFormedKey(key) && !this.bootstrapDigest?.equals(digest)) {
      return undefined;
    }
    return (await this.lookups.fetch(digest.toString('hex')))?.principal;
  }

  async create(tenantId: string, name: string, scopes: readonly Scope[]): Promise<MadeApiKey> {
    const { keyId, text } = makeKey();
    const row = { tenantId, keyId, name, keyHash: digestOf(text), scopes };
    const createdAt = await this.db.work.transaction(async (tx) => {
      const at = await insertApiKey(tx, row);
      await audit(tx, tenantId, {
        action: 'api_key.created',
        subject: `api_key:${keyId}`,
        after: { id: keyId, name, scopes },
      });
      return at;
    });
    return { keyId, text, name, scopes, createdAt };
  }

  /** The tenant's keys by id, revoked ones included. */
  async list(tenantId: string, { after, limit }: PageRequest): Promise<Page<ApiKey>> {
    const rows = await this.keys.find({
      where: { tenantId, keyId: MoreThan(after?.[0] ?? '') },
      order: { keyId: 'ASC' },
      take: limit + 1,
    });
    return toPage(rows, limit, (key) => [key.keyId]);
  }

  /** From now on here, and within 30 s in every other process. */
  async revoke(tenantId: string, keyId: string): Promise<void> {
    const revoked = isStorableText(keyId)
      ? await this.db.work.transaction(async (tx) => {
          const key = await revokeApiKey(tx, tenantId, keyId, Date.now() * 1_000);
          if (key?.isNew === true) await audit(tx, tenantId, revocationOf(keyId, key));
          return key;
        })
      : undefined;
    if (revoked === undefined)
      throw new Problem('api_key_not_found', `no API key has the id ${keyId}`);
    this.lookups.delete(revoked.keyHash.toString('hex'));
  }
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
