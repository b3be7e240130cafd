import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { ApiKey } from '../../src/access/api-key.entity.js';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { makeKey } from '../../src/access/key-text.js';
import { loadConfig } from '../../src/config/config.js';
import { parsePage } from '../../src/database/page.js';
import { Database } from '../../src/database/database.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';

function serviceOf(test: TestTenant, env: NodeJS.ProcessEnv = {}): ApiKeyService {
  return new ApiKeyService(test.db, loadConfig(env), test.dataSource.getRepository(ApiKey));
}

describe('an API key', () => {
  it('is known by its whole text, with its tenant and scopes', async () => {
    await using test = await createTestTenant();
    const apiKeys = serviceOf(test);
    const made = await apiKeys.create(test.tenantId, 'reader', ['usage:read']);

    expect(await apiKeys.authenticate(`Bearer ${made.text}`)).toEqual({
      tenantId: test.tenantId,
      keyId: made.keyId,
      scopes: ['usage:read'],
    });
    expect(await apiKeys.authenticate(`bearer  ${made.text}`)).toMatchObject({ keyId: made.keyId });
  });

  it('is kept as nothing but its SHA-256', async () => {
    await using test = await createTestTenant();
    const { text } = await serviceOf(test).create(test.tenantId, 'reader', ['usage:read']);
    const secret = text.slice(14);

    const [row] = await test.db.work.query<{ row: string; bytes: number }>(
      'SELECT k::text AS row, octet_length(key_hash) AS bytes FROM api_key k',
    );

    expect(row!.bytes).toBe(32);
    expect(row!.row).not.toContain(secret);
    expect(row!.row).not.toContain(Buffer.from(secret).toString('hex'));
  });

  it.each([
    ['no header', undefined],
    ['another scheme', 'Basic dXNlcjpwYXNzd29yZA=='],
    ['no key', 'Bearer '],
    ['an unknown key', `Bearer ${makeKey().text}`],
    ['an unknown text', `Bearer ${'x'.repeat(40)}`],
    ['an endless text', `Bearer ${'x'.repeat(15_000)}`],
  ])('is nobody for %s', async (_, header) => {
    await using test = await createTestTenant();

    expect(await serviceOf(test).authenticate(header)).toBeUndefined();
  });

  it('with a typo is refused without asking the database', async () => {
    await using test = await createTestTenant();
    const away = new Database('postgres://nobody@127.0.0.1:1/nowhere', 1);
    const apiKeys = new ApiKeyService(away, loadConfig({}), test.dataSource.getRepository(ApiKey));
    const { text } = makeKey();
    const typo = text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');

    expect(await apiKeys.authenticate(`Bearer ${typo}`)).toBeUndefined();
    await expect(apiKeys.authenticate(`Bearer ${text}`)).rejects.toThrow();
    await away.end();
  });

  it('is refused at once where it was revoked, and within 30 s elsewhere', async () => {
    await using test = await createTestTenant();
    const [here, elsewhere] = [serviceOf(test), serviceOf(test)];
    const { keyId, text } = await here.create(test.tenantId, 'reader', ['usage:read']);
    const clock = vi.spyOn(performance, 'now');
    try {
      await here.authenticate(`Bearer ${text}`);
      await elsewhere.authenticate(`Bearer ${text}`);

      await here.revoke(test.tenantId, keyId);

      expect(await here.authenticate(`Bearer ${text}`)).toBeUndefined();
      expect(await elsewhere.authenticate(`Bearer ${text}`)).toMatchObject({ keyId });
      const later = performance.now() + 30_001;
      clock.mockImplementation(() => later);
      // The cache reads its clock once a millisecond at most.
      await setTimeout(10);
      expect(await elsewhere.authenticate(`Bearer ${text}`)).toBeUndefined();
    } finally {
      clock.mockRestore();
    }
  });

  it('cannot be revoked by another tenant', async () => {
    await using test = await createTestTenant();
    const apiKeys = serviceOf(test);
    const { keyId, text } = await apiKeys.create(test.tenantId, 'reader', ['usage:read']);
    const other = await test.tenants.create('other');

    await expect(apiKeys.revoke(other, keyId)).rejects.toMatchObject({
      code: 'api_key_not_found',
    });
    expect(await apiKeys.authenticate(`Bearer ${text}`)).toBeDefined();
  });

  it('is listed page by page without its hash, revoked ones with their time', async () => {
    await using test = await createTestTenant();
    const apiKeys = serviceOf(test);
    const made = [];
    for (const name of ['a', 'b', 'c']) {
      made.push((await apiKeys.create(test.tenantId, name, ['usage:read'])).keyId);
    }
    await apiKeys.revoke(test.tenantId, made[1]!);

    const first = await apiKeys.list(test.tenantId, { list: 'keys', after: undefined, limit: 2 });
    const { after } = parsePage({ name: 'keys', key: ['text'] }, { cursor: first.next_cursor });
    const second = await apiKeys.list(test.tenantId, { list: 'keys', after, limit: 2 });

    const listed = [...first.data, ...second.data];
    expect(listed.map((key) => key.keyId)).toEqual([...made].sort());
    expect(listed.map((key) => key.keyHash)).toEqual([undefined, undefined, undefined]);
    expect(listed.filter((key) => key.revokedAt !== null).map((key) => key.keyId)).toEqual([
      made[1],
    ]);
    expect(second.next_cursor).toBeNull();
  });
});

describe('the bootstrap key', () => {
  const key = 'co_not-one-of-ours-but-long-enough';

  it('is taken as it is, though it looks like a misspelt key of ours', async () => {
    await using test = await createTestTenant();
    const env = { BOOTSTRAP_API_KEY: key };
    await test.tenants.ensureDefaultTenant(loadConfig(env));

    const principal = await serviceOf(test, env).authenticate(`Bearer ${key}`);

    expect(principal).toMatchObject({
      keyId: 'bootstrap',
      scopes: ['usage:write', 'usage:adjust', 'usage:read', 'billing:write', 'admin'],
    });
    expect(await serviceOf(test).authenticate(`Bearer ${key}`)).toBeUndefined();
  });
});
