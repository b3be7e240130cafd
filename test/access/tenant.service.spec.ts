import { describe, expect, it } from 'vitest';
import { digestOf, isWellFormedKey } from '../../src/access/key-text.js';
import { liveKey } from '../../src/access/api-key.store.js';
import { createTestTenant } from '../support/tenant.js';

const FIRST = 'first-bootstrap-key-of-32-characters';
const SECOND = 'second-bootstrap-key-of-32-characters';

describe('a tenant', () => {
  it('is made once under a name', async () => {
    await using test = await createTestTenant();

    await expect(test.tenants.create('tested')).rejects.toMatchObject({
      code: 'tenant_name_in_use',
    });
    expect(await test.tenants.byName('tested')).toMatchObject({ tenantId: test.tenantId });
    expect(await test.tenants.byName('other')).toBeUndefined();
  });
});

describe('the tenant default', () => {
  it('is made once, with one key told once, by processes that start together', async () => {
    await using test = await createTestTenant();

    const told = await Promise.all(
      Array.from({ length: 5 }, () => test.tenants.ensureDefaultTenant({})),
    );

    const texts = told.filter((text) => text !== undefined);
    expect(texts).toHaveLength(1);
    expect(isWellFormedKey(texts[0]!)).toBe(true);
    const tenant = await test.tenants.byName('default');
    expect(await liveKey(test.db.work, digestOf(texts[0]!))).toMatchObject({
      principal: {
        tenantId: tenant!.tenantId,
        scopes: ['usage:write', 'usage:adjust', 'usage:read', 'billing:write', 'admin'],
      },
    });
  });

  it('has no key made where the environment gives one', async () => {
    await using test = await createTestTenant();

    expect(await test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: FIRST })).toBeUndefined();
    expect(await test.tenants.ensureDefaultTenant({})).toBeUndefined();
    expect(await liveKey(test.db.work, digestOf(FIRST))).toMatchObject({
      principal: { keyId: 'bootstrap' },
    });
  });

  it('knows the changed key and no longer the one before', async () => {
    await using test = await createTestTenant();
    await test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: FIRST });

    await test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: SECOND });

    expect(await liveKey(test.db.work, digestOf(FIRST))).toBeUndefined();
    expect(await liveKey(test.db.work, digestOf(SECOND))).toMatchObject({
      principal: { keyId: 'bootstrap' },
    });
  });

  it('does not honour a revoked key again after a restart, but a changed one', async () => {
    await using test = await createTestTenant();
    await test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: FIRST });
    await test.db.work.query("UPDATE api_key SET revoked_at = now() WHERE key_id = 'bootstrap'");

    await test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: FIRST });
    expect(await liveKey(test.db.work, digestOf(FIRST))).toBeUndefined();

    await test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: SECOND });
    expect(await liveKey(test.db.work, digestOf(SECOND))).toBeDefined();
  });

  it('takes a key as bootstrap key that was made for it before', async () => {
    await using test = await createTestTenant();
    const text = await test.tenants.ensureDefaultTenant({});

    await test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: text! });

    expect(await liveKey(test.db.work, digestOf(text!))).toBeDefined();
  });

  it('does not take the key of another tenant, and names the variable', async () => {
    await using test = await createTestTenant();
    await test.db.work.query(
      `INSERT INTO api_key (tenant_id, key_id, name, key_hash, scopes)
       VALUES ($1, 'k', 'k', $2, '{admin}')`,
      [test.tenantId, digestOf(FIRST)],
    );

    await expect(test.tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: FIRST })).rejects.toThrow(
      'BOOTSTRAP_API_KEY',
    );
  });
});
