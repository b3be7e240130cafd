import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import {
  formatInstant,
  MICROS_PER_MILLISECOND,
  MICROS_PER_SECOND,
  type Micros,
} from '../domain/instant.js';
import { isStorableText } from '../domain/text.js';
import { Problem } from '../problem/problem.js';
import { apiKeyNotFound, ApiKeyService, creationOf, type MadeApiKey } from './api-key.service.js';
import { audit, type AuditedChange } from './audit/audit.js';
import { insertApiKey, lockApiKey, replaceApiKey, type LockedKey } from './api-key.store.js';
import type { Principal } from './caller.js';
import { digestOf, makeKey } from './key-text.js';
import { requireScopes } from './require-scopes.js';
import { BOOTSTRAP_KEY_ID } from './tenant.service.js';

/** The key that was made, and how long the one before it goes on. */
export interface Rotation {
  readonly made: MadeApiKey;
  readonly replacedKeyId: string;
  readonly replacedExpiresAt: Micros;
}

/** Puts another key in the place of one; both are live for an overlap. */
@Injectable()
export class ApiKeyRotationService {
  constructor(
    private readonly db: Database,
    private readonly apiKeys: ApiKeyService,
  ) {}

  /**
   * Makes a key with the same name, scopes and length of life. The one before ends after the
   * overlap, within 30 s of it in every process.
   */
  async rotate(caller: Principal, keyId: string, overlapSeconds: number): Promise<Rotation> {
    if (!isStorableText(keyId)) throw apiKeyNotFound(keyId);
    const { tenantId } = caller;
    const { keyId: newKeyId, text } = makeKey();
    const { keyHash, ...rotation } = await this.db.work.transaction(async (tx) => {
      const key = await lockApiKey(tx, tenantId, keyId);
      if (key === undefined) throw apiKeyNotFound(keyId);
      requireRotatable(key);
      requireScopes(caller, key.scopes);

      const { name, scopes, now } = key;
      const expiresAt = key.expiresAt === null ? undefined : now + key.expiresAt - key.createdAt;
      const row = { tenantId, keyId: newKeyId, name, keyHash: digestOf(text), scopes, expiresAt };
      const createdAt = await insertApiKey(tx, row);
      // Only a key that lived for less than this transaction has no time to give on.
      if (createdAt === undefined) throw notRotatable(`${keyId} has just expired`);
      // Lists show milliseconds.
      const overlapEndsAt =
        now - (now % MICROS_PER_MILLISECOND) + overlapSeconds * MICROS_PER_SECOND;
      const replaced = await replaceApiKey(tx, tenantId, keyId, { keyId: newKeyId, overlapEndsAt });
      await audit(tx, tenantId, [creationOf(row), rotationOf(key, newKeyId, replaced.expiresAt)]);
      return {
        made: { keyId: newKeyId, text, name, scopes, createdAt, expiresAt },
        replacedKeyId: keyId,
        replacedExpiresAt: replaced.expiresAt,
        keyHash: replaced.keyHash,
      };
    });
    this.apiKeys.forget(keyHash);
    return rotation;
  }
}

function rotationOf(key: LockedKey, replacedBy: string, expiresAt: Micros): AuditedChange {
  const { keyId, name, scopes } = key;
  const of = { id: keyId, name, scopes };
  return {
    action: 'api_key.rotated',
    subject: `api_key:${keyId}`,
    before: { ...of, expires_at: key.expiresAt === null ? null : formatInstant(key.expiresAt) },
    after: { ...of, expires_at: formatInstant(expiresAt), replaced_by: replacedBy },
  };
}

function requireRotatable({ keyId, isLive, replacedBy }: LockedKey): void {
  if (keyId === BOOTSTRAP_KEY_ID) throw notRotatable('BOOTSTRAP_API_KEY sets this key');
  if (!isLive) throw notRotatable(`${keyId} is revoked or expired`);
  if (replacedBy !== null) throw notRotatable(`${keyId} is replaced by ${replacedBy} already`);
}

function notRotatable(detail: string): Problem {
  return new Problem('api_key_not_rotatable', detail);
}
