import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { Config } from '../config/config.js';
import { violatedConstraint, type Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros } from '../domain/instant.js';
import { Problem } from '../problem/problem.js';
import { audit } from './audit/audit.js';
import { insertApiKey } from './api-key.store.js';
import { digestOf, makeKey } from './key-text.js';
import { SCOPES } from './scope.js';
import { DEFAULT_TENANT, Tenant } from './tenant.entity.js';

/** The id of the key that the environment sets. */
export const BOOTSTRAP_KEY_ID = 'bootstrap';

const HASH_KEY_BYTES = 32;
/**
 * An advisory lock of its own: two processes that start at once make one tenant and one key, and no
 * two tenants get one name, which no key keeps where tenants are spread over machines.
 */
const STARTING = 7_126_350_911_848_276;
const LOCK = 'SELECT pg_advisory_xact_lock($1)';

const NOT_OURS = 'BOOTSTRAP_API_KEY is a key of another tenant';
const TENANT_OF_NAME = 'SELECT tenant_id AS "tenantId" FROM tenant WHERE name = $1';
const INSERT_TENANT = 'INSERT INTO tenant (tenant_id, name, hash_key) VALUES ($1, $2, $3)';

@Injectable()
export class TenantService {
  constructor(
    private readonly db: Database,
    @InjectRepository(Tenant, 'countonce') private readonly tenants: Repository<Tenant>,
  ) {}

  async byName(name: string): Promise<Tenant | undefined> {
    return (await this.tenants.findOneBy({ name })) ?? undefined;
  }

  async byId(tenantId: string): Promise<Tenant | undefined> {
    return (await this.tenants.findOneBy({ tenantId })) ?? undefined;
  }

  /** @returns The tenant's id. */
  async create(name: string): Promise<string> {
    const made = await this.db.work.transaction(async (tx) => {
      await tx.query(LOCK, [STARTING]);
      return (await tenantOfName(tx, name)) === undefined ? insertTenant(tx, name) : undefined;
    });
    if (made === undefined) {
      throw new Problem('tenant_name_in_use', `another tenant is called ${name}`);
    }
    return made;
  }

  /**
   * Makes the tenant `default` and its first key, where they are not there yet.
   *
   * @returns The text of the key where one was made, to be shown this once.
   * @throws Error where the key of the environment belongs to another tenant.
   */
  async ensureDefaultTenant(
    config: Pick<Config, 'BOOTSTRAP_API_KEY'>,
  ): Promise<string | undefined> {
    return this.db.work.transaction(async (tx) => {
      await tx.query(LOCK, [STARTING]);
      const tenantId =
        (await tenantOfName(tx, DEFAULT_TENANT)) ?? (await insertTenant(tx, DEFAULT_TENANT));
      if (config.BOOTSTRAP_API_KEY === undefined) return makeFirstKey(tx, tenantId);
      await setBootstrapKey(tx, tenantId, digestOf(config.BOOTSTRAP_API_KEY)).catch(nameVariable);
      return undefined;
    });
  }
}

async function tenantOfName(tx: Transaction, name: string): Promise<string | undefined> {
  const [tenant] = await tx.query<{ tenantId: string }>(TENANT_OF_NAME, [name]);
  return tenant?.tenantId;
}

/** @returns Its id. To be called behind the lock. */
async function insertTenant(tx: Transaction, name: string): Promise<string> {
  const tenantId = randomUUID();
  await tx.query(INSERT_TENANT, [tenantId, name, randomBytes(HASH_KEY_BYTES)]);
  return tenantId;
}

/** Only a tenant that never had a key gets one: whoever revoked the last one meant it. */
async function makeFirstKey(tx: Transaction, tenantId: string): Promise<string | undefined> {
  const keys = await tx.query('SELECT FROM api_key WHERE tenant_id = $1 LIMIT 1', [tenantId]);
  if (keys.length > 0) return undefined;
  const { keyId, text } = makeKey();
  const keyHash = digestOf(text);
  await insertApiKey(tx, { tenantId, keyId, name: 'first key', keyHash, scopes: SCOPES });
  await auditKey(tx, tenantId, keyId, 'first key');
  return text;
}

/** A changed variable takes the place of the key before it; an unchanged one stays as revoked as it is. */
async function setBootstrapKey(tx: Transaction, tenantId: string, keyHash: Buffer): Promise<void> {
  const known = await tx.query(
    'SELECT FROM api_key WHERE tenant_id = $1 AND key_hash = $2 LIMIT 1',
    [tenantId, keyHash],
  );
  if (known.length > 0) return;
  const others = await tx.query(
    'SELECT FROM api_key WHERE key_hash = $1 AND tenant_id <> $2 LIMIT 1',
    [keyHash, tenantId],
  );
  if (others.length > 0) throw new Error(NOT_OURS);
  // What the key before it asked for or approved falls by that: see the approvals.
  const madeAt = formatInstantMicros(await timeOfDay(tx));
  const [before] = await tx.query('SELECT FROM api_key WHERE tenant_id = $1 AND key_id = $2', [
    tenantId,
    BOOTSTRAP_KEY_ID,
  ]);
  await tx.query(
    `INSERT INTO api_key AS k (tenant_id, key_id, name, key_hash, scopes, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (tenant_id, key_id) DO UPDATE
        SET key_hash = excluded.key_hash, scopes = excluded.scopes, revoked_at = NULL,
            created_at = excluded.created_at`,
    [tenantId, BOOTSTRAP_KEY_ID, 'BOOTSTRAP_API_KEY', keyHash, SCOPES, madeAt],
  );
  const action = before === undefined ? 'api_key.created' : 'api_key.changed';
  await auditKey(tx, tenantId, BOOTSTRAP_KEY_ID, 'BOOTSTRAP_API_KEY', action);
}

/** Of a changed key nothing can be told but that it is another one. */
async function auditKey(
  tx: Transaction,
  tenantId: string,
  keyId: string,
  name: string,
  action = 'api_key.created',
): Promise<void> {
  const key = { id: keyId, name, scopes: SCOPES };
  await audit(tx, tenantId, { action, subject: `api_key:${keyId}`, after: key });
}

function nameVariable(error: unknown): never {
  if (violatedConstraint(error) === 'api_key_key_hash_key') {
    throw new Error(NOT_OURS, { cause: error });
  }
  throw error;
}
