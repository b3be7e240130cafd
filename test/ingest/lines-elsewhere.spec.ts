import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationsOf, type OpenApi } from '../../fuzz/generate/operations.js';
import { startTestApp, type TestApp } from '../support/app.js';

const document = JSON.parse(
  readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
) as OpenApi;

const TAKE_LINES = ['POST /v1/usage-events', 'PUT /v1/customers'];
const OPERATIONS = operationsOf(document).filter(
  ({ name, method }) => method !== 'GET' && !TAKE_LINES.includes(name),
);

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app[Symbol.asyncDispose]());

/** A body that would arrive as a stream, which can be no command. */
async function sendLines(method: string, path: string, isGzip: boolean): Promise<number> {
  const lines = Buffer.from('{"reason":"x"}\n');
  const answer = await fetch(app.url + path.replaceAll(/\{\w+\}/g, 'x'), {
    method,
    headers: {
      authorization: `Bearer ${app.apiKey}`,
      'content-type': 'application/x-ndjson',
      ...(isGzip && { 'content-encoding': 'gzip' }),
    },
    body: isGzip ? gzipSync(lines) : lines,
  });
  await answer.text();
  return answer.status;
}

describe.each(OPERATIONS.map(({ name, method, path }) => [name, method, path]))(
  '%s',
  (_, method, path) => {
    it.each([false, true])('takes no lines, gzip %s', async (isGzip) => {
      expect(await sendLines(method, path, isGzip)).toBe(415);
    });
  },
);

it('goes on after all of that', async () => {
  expect((await app.call('GET', '/v1/meters')).status).toBe(200);
});
