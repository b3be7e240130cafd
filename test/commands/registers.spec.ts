import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SCOPES } from '../../src/access/scope.js';
import { call, startTestApp } from '../support/app.js';
import { onServer } from '../support/database.js';
import { inject } from 'vitest';
import { runCli } from './cli.js';

/** A database without a schema. */
async function createEmptyDatabase() {
  const name = `countonce_empty_${randomBytes(6).toString('hex')}`;
  await onServer((server) => server.query(`CREATE DATABASE ${name}`));
  const url = new URL(inject('testServerUrl'));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await onServer((server) => server.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

describe('migrate', () => {
  it('makes the schema, once', async () => {
    await using database = await createEmptyDatabase();
    const env = { DATABASE_URL: database.url };
    const before = await runCli(['tenants', 'create', 'acme', '--json'], env);
    expect([before.code, before.json.error.code]).toEqual([1, 'not_migrated']);

    const first = await runCli(['migrate', '--json'], env);
    expect(first.json.migrations.length).toBeGreaterThan(0);
    const second = await runCli(['migrate', '--json'], env);
    expect(second.json).toEqual({ migrations: [] });
    expect((await runCli(['tenants', 'create', 'acme'], env)).code).toBe(0);
  });

  it('migrates once where several start at once', async () => {
    await using database = await createEmptyDatabase();
    const env = { DATABASE_URL: database.url };
    const runs = await Promise.all([1, 2, 3].map(() => runCli(['migrate', '--json'], env)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(runs.filter(({ json }) => json.migrations.length > 0)).toHaveLength(1);
  });
});

describe('keys create', () => {
  it('prints a key that works and has the scopes asked for', async () => {
    await using app = await startTestApp();
    const env = { DATABASE_URL: app.databaseUrl };
    const { code, json } = await runCli(
      ['keys', 'create', '--name', 'collector', '--scopes', 'usage:read', '--json'],
      env,
    );
    expect(code).toBe(0);
    expect(json).toMatchObject({ name: 'collector', scopes: ['usage:read'], tenant: 'default' });
    const read = await call(app.url, json.key, 'GET', '/v1/meters');
    expect(read.status).toBe(200);
    const write = await call(app.url, json.key, 'PUT', '/v1/meters/m', { aggregation: 'sum' });
    expect(write.status).toBe(403);
  });

  it('gives every scope unless told otherwise, and shows the key to a person', async () => {
    await using app = await startTestApp();
    const env = { DATABASE_URL: app.databaseUrl };
    const { stdout } = await runCli(['keys', 'create', '--name', 'all'], env);
    const key = /co_\w+/.exec(stdout)![0];
    const { status, body } = await call(app.url, key, 'GET', '/v1/api-keys');
    expect(status).toBe(200);
    expect(body.data.find((each: any) => each.name === 'all').scopes).toEqual(SCOPES);
  });

  it('says how to make a tenant that is not there', async () => {
    await using app = await startTestApp();
    const { code, stderr } = await runCli(['keys', 'create', '--name', 'k', '--tenant', 'acme'], {
      DATABASE_URL: app.databaseUrl,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('countonce tenants create acme');
  });
});

describe('tenants create', () => {
  it('makes a tenant of its own with a key, and no second one of that name', async () => {
    await using app = await startTestApp();
    const env = { DATABASE_URL: app.databaseUrl };
    await app.call('PUT', '/v1/meters/theirs', { aggregation: 'sum' });
    const { json } = await runCli(['tenants', 'create', 'acme', '--json'], env);
    const meters = await call(app.url, json.api_key.key, 'GET', '/v1/meters');
    expect([meters.status, meters.body.data]).toEqual([200, []]);

    const again = await runCli(['tenants', 'create', 'acme', '--json'], env);
    expect([again.code, again.json.error.code]).toEqual([1, 'tenant_name_in_use']);
  });
});
