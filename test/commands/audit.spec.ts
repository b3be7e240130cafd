import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../src/access/audit/audit.js';
import { Connections } from '../../src/database/connections.js';
import { entriesOf, tamper } from '../access/audit-scene.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { createTestDatabase, onServer } from '../support/database.js';
import { runCli } from './cli.js';

const CUSTOMERS = ['ann', 'ben', 'cat', 'dan', 'eve', 'fay'];
/** The key of the environment is the first entry, then the customers come. */
const LAST = CUSTOMERS.length + 1;

let api: TestApp;
beforeAll(async () => {
  api = await startTestApp();
  for (const id of CUSTOMERS) await api.call('PUT', `/v1/customers/${id}`, { name: `${id} Doe` });
});
afterAll(() => api[Symbol.asyncDispose]());

function verify(...args: string[]) {
  return runCli(['audit', 'verify', '--json', ...args], { DATABASE_URL: api.databaseUrl });
}

describe('audit verify', () => {
  it('finds nothing wrong, and prints where the chain ends', async () => {
    const { code, json } = await verify();
    const hash = (await entriesOf(api)).at(-1)!.hash;
    expect(code).toBe(0);
    expect(json).toEqual({
      ok: true,
      tenants: [
        {
          tenant: 'default',
          ok: true,
          entries: LAST,
          erased: 0,
          head: { sequence: LAST, hash },
          faults: 0,
          findings: [],
        },
      ],
    });
    const { stdout } = await runCli(['audit', 'verify'], { DATABASE_URL: api.databaseUrl });
    expect(stdout).toContain(`default: ${LAST} entries, head ${LAST}:${hash}`);
  });

  it('says what is wrong, and where', async () => {
    await tamper(api.pool, `UPDATE audit_entry SET action = 'customer.seen' WHERE sequence = 4`);
    const { code, stdout } = await runCli(['audit', 'verify'], { DATABASE_URL: api.databaseUrl });
    await tamper(api.pool, `UPDATE audit_entry SET action = 'customer.created' WHERE sequence = 4`);
    expect(code).toBe(1);
    expect(stdout).toContain('altered at 4');
  });

  it('takes a head that was noted of one tenant', async () => {
    const { hash } = (await entriesOf(api)).at(-1)!;
    const later = await verify('--tenant', 'default', '--head', `99:${hash}`);
    expect([later.code, later.json.tenants[0].findings[0].fault]).toEqual([1, 'truncated']);
    expect((await verify('--head', `${LAST}:${hash}`)).code).toBe(2);
  });

  it('knows no tenant that is not there', async () => {
    const { code, json } = await verify('--tenant', 'nobody');
    expect([code, json.error.code]).toEqual([1, 'tenant_not_found']);
  });

  it('holds over a copy of the database, and reads alone', async () => {
    await using source = await createTestDatabase();
    const db = new Connections(source.url, 'audit', 1);
    const [tenant] = await db.query<{ id: string }>(
      `INSERT INTO tenant (name, hash_key) VALUES ('copied', $1) RETURNING tenant_id AS id`,
      [randomBytes(32)],
    );
    for (const after of [{ n: 1 }, { n: '2' }, null]) {
      const change = { action: 'meter.changed', subject: 'meter:tokens', after };
      await db.transaction((tx) => audit(tx, tenant!.id, change));
    }
    await db.end();

    const original = new URL(source.url).pathname.slice(1);
    const url = new URL(source.url);
    url.pathname += '_copy';
    const copy = url.pathname.slice(1);
    await onServer(async (server) => {
      await server.query(`CREATE DATABASE ${copy} TEMPLATE ${original}`);
      await server.query(`ALTER DATABASE ${copy} SET default_transaction_read_only = on`);
    });
    const { code, json } = await runCli(['audit', 'verify', '--json'], { DATABASE_URL: url.href });
    await onServer((server) => server.query(`DROP DATABASE ${copy} WITH (FORCE)`));
    expect([code, json.tenants[0]]).toMatchObject([0, { tenant: 'copied', entries: 3 }]);
  });
});

describe('the command line', () => {
  it('is the actor of what it changes', async () => {
    const env = { DATABASE_URL: api.databaseUrl };
    const { json } = await runCli(
      ['keys', 'create', '--name', randomBytes(4).toString('hex'), '--json'],
      env,
    );
    const [entry] = await entriesOf(api, `&subject=api_key:${json.id}`);
    expect(entry).toMatchObject({
      action: 'api_key.created',
      actor: { kind: 'command_line', id: expect.stringMatching(/^.+@.+$/), name: null },
    });
    expect((await verify()).code).toBe(0);
  });
});
