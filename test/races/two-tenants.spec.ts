import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { call, startTestApp, type Answer, type TestApp } from '../support/app.js';

const IN_OCTOBER = '2025-10-05T12:00:00Z';
const OCTOBER = '2025-10-01T00:00:00.000Z';

interface Tenant {
  readonly apiKey: string;
  readonly closeId: string;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
}

let app: TestApp;
let one: Tenant;
let other: Tenant;

beforeAll(async () => {
  app = await startTestApp();
  const tenantId = await app.app.get(TenantService).create('other');
  const { text } = await app.app.get(ApiKeyService).create(tenantId, 'admin', SCOPES);
  // The same meter, customer and ids; and a word that stands in whatever is the tenant's alone.
  one = await fill(app.apiKey, 'heron', ['100.5', '20']);
  other = await fill(text, 'osprey', ['7']);
});

afterAll(() => app[Symbol.asyncDispose]());

async function fill(apiKey: string, word: string, quantities: readonly string[]): Promise<Tenant> {
  const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
    call(app.url, apiKey, method, path, body);
  const event = (id: string, customer: string, meter: string, quantity: string) => ({
    usage_event_id: id,
    customer_id: customer,
    meter,
    quantity,
    occurred_at: IN_OCTOBER,
  });
  for (const meter of ['tokens', word]) {
    await ask('PUT', `/v1/meters/${meter}`, { aggregation: 'sum', display_name: `${word} meter` });
  }
  await ask('PUT', '/v1/customers/acme', { name: `${word} name`, aliases: [`${word}-alias`] });
  await ask('PUT', `/v1/customers/${word}`, {});
  const events = [
    ...quantities.map((quantity, n) => event(`id-${n}`, 'acme', 'tokens', quantity)),
    event(word, word, word, '3'),
  ];
  const recorded = await ask('POST', '/v1/usage-events', { events });
  expect(recorded.body).toMatchObject({ accepted: events.length });
  await ask('POST', '/v1/api-keys', { name: `${word} key`, scopes: ['usage:read'] });
  const close = await ask('POST', '/v1/period-closes', {});
  expect(close.body).toMatchObject({ status: 'finished', closed: 2 });
  return { apiKey, closeId: close.body.id, call: ask };
}

/** Every GET route that the API says it has. */
async function getRoutes(): Promise<string[]> {
  const { body } = await one.call('GET', '/openapi.json');
  return Object.entries<Record<string, unknown>>(body.paths)
    .filter(([path, methods]) => 'get' in methods && path.startsWith('/v1/'))
    .map(([path]) => path);
}

interface Names {
  readonly path: string;
  readonly customer: string;
  readonly meter: string;
  readonly closeId: string;
}

function fillIn(route: string, { path, customer, meter, closeId }: Names): string {
  const filled = route
    .replace('{period_start}', OCTOBER)
    .replace(/\/period-closes\/\{\w+\}/, `/period-closes/${closeId}`)
    .replace(/\{\w+\}/g, path);
  return `${filled}?meter=${meter}&customer_id=${customer}`;
}

describe('two tenants with the same ids, customers and meters', () => {
  it('each have counts of their own', async () => {
    const usageOf = async (tenant: Tenant) =>
      (await tenant.call('GET', '/v1/usage?meter=tokens')).body.data.map(
        ({ customer_id, value, event_count }: Record<string, unknown>) => ({
          customer_id,
          value,
          event_count,
        }),
      );

    expect(await usageOf(one)).toEqual([{ customer_id: 'acme', value: '120.5', event_count: 2 }]);
    expect(await usageOf(other)).toEqual([{ customer_id: 'acme', value: '7', event_count: 1 }]);
  });

  it('each have statements of their own', async () => {
    const statement = `/v1/customers/acme/billing-periods/${OCTOBER}?meter=tokens`;

    expect((await one.call('GET', statement)).body).toMatchObject({
      status: 'closed',
      value: '120.5',
      event_count: 2,
    });
    expect((await other.call('GET', statement)).body).toMatchObject({
      status: 'closed',
      value: '7',
      event_count: 1,
    });
  });

  it('do not take ids from each other', async () => {
    const again = { usage_event_id: 'id-1', customer_id: 'acme', meter: 'tokens', quantity: '1' };

    // id-1 is known to one of them only.
    expect((await one.call('POST', '/v1/usage-events', again)).status).toBe(409);
    expect((await other.call('POST', '/v1/usage-events', again)).status).toBe(201);
    expect((await one.call('GET', '/v1/usage-events/id-1')).body).toMatchObject({ quantity: '20' });
    expect((await other.call('GET', '/v1/usage-events/id-1')).body).toMatchObject({
      quantity: '1',
    });
  });

  it('see nothing of each other in any list', async () => {
    const lists = (await getRoutes()).filter((route) => !route.includes('{'));
    expect(lists.length).toBeGreaterThan(3);
    for (const route of lists) {
      for (const query of ['', '?meter=tokens', '?customer_id=acme', '?usage_event_id=id-0']) {
        const { text } = await other.call('GET', route + query);
        expect(text, route + query).not.toContain('heron');
        expect(text, route + query).not.toContain('120.5');
        expect(text, route + query).not.toContain(one.closeId);
      }
    }
    // The word is there to be seen, for whom it belongs to; not every list can be asked for a meter.
    const own = await Promise.all(
      lists
        .flatMap((route) => [route, `${route}?meter=heron`])
        .map((path) => one.call('GET', path)),
    );
    const seen = own.filter(({ status, text }) => status === 200 && text.includes('heron'));
    expect(seen.length).toBeGreaterThan(3);
  });

  it("get the same answer on the other's things as on things that nobody has", async () => {
    const routes = await getRoutes();
    expect(routes.filter((route) => route.includes('{')).length).toBeGreaterThan(5);
    const heron = { path: 'heron', customer: 'heron', meter: 'heron', closeId: one.closeId };
    // As long as the real names, and of the same kind.
    const nobodysCloseId = randomUUID();
    const shown = ({ text }: Answer): string =>
      text
        .replaceAll('heron', 'egret')
        .replaceAll(one.closeId, nobodysCloseId)
        .replace(/urn:countonce:request:[\w-]+/, 'urn:countonce:request');
    let found = 0;
    for (const route of routes) {
      for (const mixed of [{}, { path: 'acme' }, { customer: 'acme' }, { meter: 'tokens' }]) {
        const path = fillIn(route, { ...heron, ...mixed });
        const nowhere = path.replaceAll('heron', 'egret').replace(one.closeId, nobodysCloseId);
        const foreign = await other.call('GET', path);
        const nobodys = await other.call('GET', nowhere);
        expect({ status: foreign.status, shown: shown(foreign) }, path).toEqual({
          status: nobodys.status,
          shown: shown(nobodys),
        });
        if ((await one.call('GET', path)).status === 200) found++;
      }
    }
    // These paths do lead somewhere, for whom the things belong to.
    expect(found).toBeGreaterThan(routes.length);
  });
});
