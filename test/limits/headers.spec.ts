import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from '../ingest/body-server.js';
import { startTestApp, type TestApp } from '../support/app.js';

let api: TestApp;
let port: number;
beforeAll(async () => {
  api = await startTestApp();
  port = Number(new URL(api.url).port);
  await api.call('PUT', '/v1/meters/requests', { aggregation: 'count' });
});
afterAll(() => api[Symbol.asyncDispose]());

const EVENT = '{"usage_event_id":"a","customer_id":"c","meter":"requests"}';
const NDJSON = { 'content-type': 'application/x-ndjson' };

describe('every answer', () => {
  it.each([
    ['GET', '/v1/meters', undefined, {}, 200],
    ['POST', '/v1/usage-events', EVENT, {}, 201],
    ['POST', '/v1/usage-events', `${EVENT}\n`, NDJSON, 200],
    ['POST', '/v1/usage-events', '{', {}, 400],
    ['POST', '/v1/usage-events', '{}', {}, 422],
    ['POST', '/v1/usage-events', 'x', { 'content-type': 'text/plain' }, 415],
    ['GET', '/v1/meters', undefined, { authorization: 'Bearer x' }, 401],
    ['GET', '/v1/meters/none', undefined, {}, 404],
    ['GET', '/nowhere', undefined, {}, 404],
    ['DELETE', '/v1/usage-events', undefined, {}, 405],
    ['POST', '/v1/webhooks/stripe', '{}', {}, 503],
    ['GET', '/health/live', undefined, {}, 200],
    ['GET', '/metrics', undefined, {}, 200],
    ['GET', '/openapi.json', undefined, {}, 200],
    ['GET', '/docs', undefined, {}, 200],
    ['GET', '/docs/swagger-ui.css', undefined, {}, 200],
    ['GET', '/%zz', undefined, {}, 400],
  ])('has the headers that keep browsers and caches out: %s %s', async (...request) => {
    const [method, path, body, headers, status] = request;
    const answer = await api.call(method, path, body, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    for (const name of ['x-powered-by', 'server', 'strict-transport-security']) {
      expect(answer.headers.has(name)).toBe(false);
    }
    if (!path.startsWith('/docs')) {
      expect(answer.text).not.toMatch(/\bat \S+ \(|node_modules|\.ts:\d/);
    }
  });

  it('has them where the bytes were no HTTP', async () => {
    const answer = await exchange(port, 'GIBBERISH\r\n\r\n');
    expect(answer).toContain('x-content-type-options: nosniff\r\n');
    expect(answer).toContain('cache-control: no-store\r\n');
  });
});

describe('a request', () => {
  const head = 'POST /v1/usage-events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n'],
    ['another coding last', 'Transfer-Encoding: chunked, identity\r\n'],
    ['a length in hex', 'Content-Length: 0x2\r\n'],
    ['a folded header', 'X-A: b\r\n Content-Length: 2\r\n'],
    ['a blank before the colon', 'Content-Length : 2\r\n'],
    ['a bare line feed', 'X-A: b\nContent-Length: 2\r\n'],
  ])('is refused where two readers could take it apart differently: %s', async (_, lines) => {
    const smuggled = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await exchange(port, `${head}${lines}\r\n{}${smuggled}`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });
});

describe('whoever asks for the end of the connection', () => {
  it.each([
    ['200', 'GET /health/live'],
    ['404', 'GET /nowhere'],
    ['401', 'GET /v1/meters'],
    ['400', 'GET /%zz'],
  ])('is told that it comes, with a %s', async (status, line) => {
    const request = `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const answer = await exchange(port, request);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  });
});

describe('what Node refuses by itself', () => {
  it('is a problem document where HTTP/1.1 comes without a host', async () => {
    const answer = await exchange(port, 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('content-type: application/problem+json\r\n');
    expect(answer).toContain('"code":"bad_request"');
  });

  it('is answered where HTTP/1.0 does', async () => {
    const answer = await exchange(port, 'GET /health/live HTTP/1.0\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('is answered as if an expectation that nobody knows were not there', async () => {
    const lines = 'Host: x\r\nConnection: close\r\nExpect: 200-maybe\r\n';
    const answer = await exchange(port, `GET /health/live HTTP/1.1\r\n${lines}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('the page of the API', () => {
  it('holds no script of its own and loads only what its policy lets it', async () => {
    const page = await api.call('GET', '/docs');
    expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
    expect(page.text).not.toMatch(/\son\w+=/);
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self'");
    expect((await api.call('GET', '/docs/start.js')).text).toContain('SwaggerUIBundle');
  });
});

describe('a method that a route does not have', () => {
  it.each([
    ['DELETE', '/v1/usage-events', 'GET, HEAD, POST'],
    ['PATCH', '/v1/meters/requests?x=1', 'DELETE, GET, HEAD, PUT'],
    ['POST', '/v1/api-keys/some/rotations/', undefined],
    ['GET', '/v1/api-keys/some%2Fid/rotations', 'POST'],
    ['TRACE', '/v1/meters', undefined],
    ['OPTIONS', '/v1/meters', 'GET, HEAD'],
  ])('%s %s is told which it has', async (method, path, allow) => {
    const answer = await exchange(
      port,
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    if (allow === undefined) {
      expect(answer).toMatch(/^HTTP\/1\.1 40[45] /);
      return;
    }
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer).toContain(`allow: ${allow}\r\n`);
    expect(answer).toContain('"code":"method_not_allowed"');
  });
});
