import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES, type Scope } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE } from '../../src/database/roles.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { insertEvent } from '../../src/webhooks/stripe-inbox.store.js';
import { call, startTestApp, type Answer, type TestApp } from '../support/app.js';
import { recordDelivery } from '../support/rows.js';
import { RECIPES, STRIPE_KEY, type Recipe, type Things } from './route-recipes.js';

interface Operation {
  readonly 'x-required-scope'?: Scope;
}

const { paths } = JSON.parse(
  readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
) as { paths: Record<string, Record<string, Operation>> };

/** Every route that takes a key, with its scope; those that delete come last. */
const ROUTES = Object.entries(paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      scope: operation['x-required-scope'],
    })),
  )
  .filter((route): route is typeof route & { scope: Scope } => route.scope !== undefined)
  .toSorted((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));

let simulator: Simulator;
let app: TestApp;
let ownerDb: Database;
let tenantId: string;
let own: Things;

beforeAll(async () => {
  simulator = await startSimulator({ accounts: { [STRIPE_KEY]: 'acct_wall' } });
  app = await startTestApp({
    STRIPE_API_BASE: simulator.url,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  });
  ownerDb = new Database(app.databaseUrl, 1);
  tenantId = (await app.app.get(TenantService).byName('default'))!.tenantId;
  own = await fill();
  await takeRightsFromService();
}, 120_000);

afterAll(async () => {
  await ownerDb.end();
  await app[Symbol.asyncDispose]();
  await simulator.stop();
});

/** Gives the tenant one thing of every kind. */
async function fill(): Promise<Things> {
  const word = 'heron';
  for (const meter of [word, `${word}_unused`]) {
    await app.call('PUT', `/v1/meters/${meter}`, { aggregation: 'sum', push: 'off' });
  }
  await app.call('PUT', `/v1/customers/${word}`, {});
  await app.call('POST', '/v1/usage-events', {
    usage_event_id: word,
    customer_id: word,
    meter: word,
    quantity: 120.5,
    occurred_at: '2025-10-05T12:00:00Z',
  });
  const close = await app.call('POST', '/v1/period-closes', {});
  const { keyId } = await app.app.get(ApiKeyService).create(tenantId, `${word} key`, ['admin']);
  const eventId = `evt_${word}`;
  await insertEvent(ownerDb.work, tenantId, {
    eventId,
    type: 'invoice.paid',
    objectId: word,
    livemode: false,
    accountId: null,
    eventAt: null,
    body: '{}',
    ignoredBy: { kind: 'ignored', reason: 'no_handler' },
  });
  await recordDelivery({ db: ownerDb, tenantId }, { status: 'unknown' });
  const [push] = await ownerDb.work.query<{ identifier: string }>('SELECT identifier FROM push');
  const [reconciliation] = await ownerDb.work.query<{ id: string }>(
    `INSERT INTO reconciliation (tenant_id, reconciliation_id, cause, lanes, created_at, finished_at)
     VALUES ($1, gen_random_uuid(), 'request', 0, now(), now()) RETURNING reconciliation_id AS id`,
    [tenantId],
  );
  await app.call('POST', '/v1/usage-events', { usage_event_id: 'odd', customer_id: word });
  const quarantine = await app.call('GET', '/v1/quarantine');
  const voids = await app.call('POST', '/v1/voids', {
    filter: { usage_event_ids: ['nothing'] },
    reason: 'a void of nothing',
  });
  const replay = await app.call('POST', '/v1/replays', { mode: 'apply' });
  await app.call('PUT', '/v1/customers/gone', {});
  const erasure = await app.call('POST', '/v1/customers/gone/erasures', { reason: 'a test' });
  const approvalId = await approval();
  return {
    word,
    erasureId: erasure.body.id,
    quarantinedId: quarantine.body.data[0].id,
    voidId: voids.body.id,
    replayId: replay.body.id,
    approvalId,
    closeId: close.body.id,
    pushId: push!.identifier,
    reconciliationId: reconciliation!.id,
    keyId,
    eventId,
  };
}

/** One that was asked for under a policy that is off again. */
async function approval(): Promise<string> {
  await keyWith(SCOPES);
  await app.call('PUT', '/v1/approval-policy', { commands: ['meter.change'] });
  const asked = await app.call('PUT', '/v1/meters/egret', { aggregation: 'sum' });
  await app.pool.query('DELETE FROM approval_policy');
  return asked.body.approval_id as string;
}

/**
 * From here on only the role that is bound to one tenant reaches anything of tenants, but for who has
 * which key. So whatever answers below works behind the second wall.
 */
async function takeRightsFromService(): Promise<void> {
  const { rows } = await app.pool.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_policies
      WHERE policyname = 'every_tenant' AND tablename NOT IN ('tenant', 'api_key')`,
  );
  expect(rows.length).toBeGreaterThan(20);
  const names = rows.map(({ name }) => name).join(', ');
  await app.pool.query(`REVOKE ALL ON ${names} FROM ${SERVICE_ROLE}`);
}

/** As the tenant's, and in nobody's possession. */
function nobodys(things: Things): Things {
  return {
    word: 'egret',
    closeId: randomUUID(),
    pushId: randomUUID(),
    reconciliationId: randomUUID(),
    keyId: 'x'.repeat(things.keyId.length),
    eventId: 'evt_egret',
    quarantinedId: randomUUID(),
    voidId: randomUUID(),
    replayId: randomUUID(),
    erasureId: randomUUID(),
    approvalId: randomUUID(),
  };
}

function ask(recipe: Recipe, method: string, key: string, things: Things): Promise<Answer> {
  const headers = recipe.type === undefined ? {} : { 'content-type': recipe.type };
  return call(app.url, key, method, recipe.path(things), recipe.body?.(things), headers);
}

async function stranger(): Promise<string> {
  const id = await app.app.get(TenantService).create(`stranger ${randomUUID()}`);
  return (await keyWith(SCOPES, id)).text;
}

async function keyWith(
  scopes: readonly Scope[],
  of = tenantId,
): Promise<{ keyId: string; text: string }> {
  return withinTenant(of, () => app.app.get(ApiKeyService).create(of, 'a key', scopes));
}

/** An answer without what differs from call to call, and with one name for the things asked for. */
function shown({ status, text }: Answer, things: Things): string {
  const named = Object.values(things as unknown as Record<string, string>).reduce(
    (rest, name) => rest.replaceAll(name, '<name>'),
    text,
  );
  const plain = named
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/co_\w+/g, '<key>')
    .replaceAll(/api_key:[\w-]+/g, 'api_key:<id>')
    .replaceAll(/[0-9a-f]{64}/g, '<hash>')
    .replaceAll(/"id":"\w+"/g, '<id>');
  return `${status} ${plain}`;
}

/** A checksum of all that the tenant has, table by table; when a key was used last is noted beside requests. */
async function holdings(): Promise<unknown> {
  const { rows } = await app.pool.query<{ sql: string }>(
    `SELECT string_agg(format('SELECT %L AS name, md5(string_agg(t.row::text, chr(10) ORDER BY t.row::text))
              FROM (SELECT to_jsonb(r) - ''last_used_at'' AS row FROM %I r WHERE tenant_id = $1) t',
              tablename, tablename), ' UNION ALL ') AS sql
       FROM pg_policies WHERE policyname = 'one_tenant'`,
  );
  return (await app.pool.query(rows[0]!.sql, [tenantId])).rows;
}

describe('the wall', () => {
  it('is tried at every route that takes a key', () => {
    expect(Object.keys(RECIPES).toSorted()).toEqual(ROUTES.map(({ route }) => route).toSorted());
    expect(ROUTES.length).toBeGreaterThan(30);
  });

  it.each(ROUTES)('keeps strangers from $route', async ({ route, method, scope }) => {
    const recipe = RECIPES[route]!;
    const before = await holdings();
    const foreign = await ask(recipe, method, await stranger(), own);
    const none = nobodys(own);
    const missing = await ask(recipe, method, await stranger(), none);

    expect(shown(foreign, own)).toBe(shown(missing, none));
    expect(foreign.status).toBe(recipe.stranger ?? 404);
    expect(foreign.text).not.toContain('120.5');
    expect(await holdings()).toEqual(before);

    const revoked = await keyWith(SCOPES);
    await withinTenant(tenantId, () => app.app.get(ApiKeyService).revoke(tenantId, revoked.keyId));
    for (const key of ['', revoked.text, 'co_nobody']) {
      expect((await ask(recipe, method, key, own)).status).toBe(401);
    }
    const small = await keyWith(SCOPES.filter((each) => each !== scope));
    expect(await ask(recipe, method, small.text, own)).toMatchObject({
      status: 403,
      body: { code: 'insufficient_scope', scope },
    });
  });

  it.each(ROUTES)('lets the tenant itself through to $route', async ({ route, method, scope }) => {
    const { text } = await keyWith([scope]);
    const answer = await ask(RECIPES[route]!, method, text, own);
    expect(`${answer.status} ${answer.text}`).toMatch(new RegExp(`^${RECIPES[route]!.own} `));
  });
});
