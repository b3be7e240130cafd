import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES, type Scope } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { call, startTestApp, type Answer, type TestApp } from '../support/app.js';

export const NDJSON = { 'content-type': 'application/x-ndjson' };
export const CLOUD_EVENT = { 'content-type': 'application/cloudevents+json' };

export interface QuarantineScene extends TestApp {
  /** What the quarantine lists, its events in the order in which they were first seen. */
  listed(query?: string): Promise<any[]>;
  post(body: unknown, headers?: Record<string, string>): Promise<Answer>;
  replay(body?: unknown): Promise<Answer>;
  /** A key with these scopes, of the tenant `default` or of one that is made. */
  callerWith(scopes: readonly Scope[], tenant?: string): Promise<Caller>;
}

export type Caller = (method: string, path: string, body?: unknown) => Promise<Answer>;

/** An application with the meter `tokens`. */
export async function quarantineScene(env: Record<string, string> = {}): Promise<QuarantineScene> {
  const test = await startTestApp(env);
  await test.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
  return {
    ...test,
    listed: async (query = '') => (await test.call('GET', `/v1/quarantine${query}`)).body.data,
    post: (body, headers) => test.call('POST', '/v1/usage-events', body, headers),
    replay: (body = {}) => test.call('POST', '/v1/quarantine/replays', body),
    async callerWith(scopes, tenant) {
      const tenants = test.app.get(TenantService);
      const tenantId =
        tenant === undefined
          ? (await tenants.byName('default'))!.tenantId
          : await tenants.create(tenant);
      const { text } = await test.app.get(ApiKeyService).create(tenantId, 'a key', scopes);
      return (method, path, body) => call(test.url, text, method, path, body);
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}

export const EVERY_SCOPE = SCOPES;

/** A lawful event of the meter `tokens`, unless said otherwise. */
export function usageEvent(
  id: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return { usage_event_id: id, customer_id: 'acme', meter: 'tokens', quantity: '1', ...more };
}

/** Held against the rows themselves: what the tally says is in quarantine. */
export async function tallies(scene: TestApp): Promise<{ tally: unknown; rows: unknown }> {
  const { rows } = await scene.pool.query(
    `SELECT (SELECT jsonb_agg(jsonb_build_array(tenant_id, events, bytes) ORDER BY tenant_id)
               FROM quarantine_tally WHERE events > 0) AS tally,
            (SELECT jsonb_agg(jsonb_build_array(tenant_id, n, bytes) ORDER BY tenant_id)
               FROM (SELECT tenant_id, count(*) AS n, sum(event_bytes) AS bytes
                       FROM quarantined_event GROUP BY tenant_id) q) AS rows`,
  );
  return rows[0];
}
