import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { TenantService } from '../../src/access/tenant.service.js';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { createTestDatabase } from './database.js';

/** An answer of the API: its status, its body (parsed where it is JSON) and its headers. */
export interface Answer<Body = any> {
  readonly status: number;
  readonly body: Body;
  readonly text: string;
  readonly headers: Headers;
}

export interface TestApp extends AsyncDisposable {
  readonly app: NestFastifyApplication;
  readonly url: string;
  readonly databaseUrl: string;
  readonly pool: pg.Pool;
  readonly apiKey: string;
  /** Calls a route with the admin key, or with another in the headers; a body that is not a text is JSON. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

/**
 * The whole application on a free port and a database of its own. Workers run only if asked for:
 * `{ ROLE: 'all' }`.
 */
export async function startTestApp(env: Record<string, string> = {}): Promise<TestApp> {
  const database = await createTestDatabase();
  const apiKey = `test_${randomBytes(24).toString('hex')}`;
  const config = loadConfig({ ROLE: 'api', LOG_LEVEL: 'error', BOOTSTRAP_API_KEY: apiKey, ...env });
  const app = await createApp({ databaseUrl: database.url, config }, ['error', 'fatal'] as never);
  await app.get(TenantService).ensureDefaultTenant(config);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    app,
    url,
    databaseUrl: database.url,
    pool: database.pool,
    apiKey,
    call: (method, path, body, headers = {}) => call(url, apiKey, method, path, body, headers),
    async [Symbol.asyncDispose]() {
      await app.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

export async function call(
  url: string,
  apiKey: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined
      ? {}
      : {
          body:
            typeof body === 'string' || body instanceof Uint8Array
              ? (body as string)
              : JSON.stringify(body),
        }),
  });
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
    text,
    headers: response.headers,
  };
}
