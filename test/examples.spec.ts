import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { describe, expect, it } from 'vitest';
import { AppModule } from '../examples/embedded-app/app.module.js';
import { call, startTestApp } from './support/app.js';
import { createTestDatabase } from './support/database.js';

const CURL_SCRIPT = fileURLToPath(new URL('../examples/curl.sh', import.meta.url));

/** Runs examples/curl.sh and gives the answers, in order. */
async function runCurlScript(url: string, apiKey: string): Promise<Record<string, any>[]> {
  const env = { ...process.env, BASE_URL: url, API_KEY: apiKey };
  const { stdout } = await promisify(execFile)('sh', [CURL_SCRIPT], { env });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, any>);
}

/** The application of examples/embedded-app on a free port and a database of its own. */
async function startEmbeddedApp(): Promise<{ url: string } & AsyncDisposable> {
  const database = await createTestDatabase();
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.on(database.url),
    new FastifyAdapter(),
    { logger: ['error'], abortOnError: false },
  );
  await app.listen(0, '127.0.0.1');
  return {
    url: await app.getUrl(),
    async [Symbol.asyncDispose]() {
      await app.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

const hasCurl = spawnSync('curl', ['--version']).status === 0;

describe.runIf(hasCurl)('the example curl.sh', () => {
  it('leads from an event to a statement', async () => {
    await using test = await startTestApp();

    const answers = await runCurlScript(test.url, test.apiKey);

    expect(answers).toMatchObject([
      { key: 'tokens', aggregation: 'sum' },
      { accepted: 1, duplicate: 0 },
      { accepted: 0, duplicate: 1 },
      { data: [{ customer_id: 'acme', value: '120.5', event_count: 1 }] },
      { closed: 1 },
      { status: 'closed', value: '120.5', event_count: 1 },
    ]);
  });

  it('says the same statement when it is run again', async () => {
    await using test = await startTestApp();
    const first = await runCurlScript(test.url, test.apiKey);

    const second = await runCurlScript(test.url, test.apiKey);

    expect(second[1]).toMatchObject({ accepted: 0, duplicate: 1 });
    expect(second[4]).toMatchObject({ closed: 0, already_closed: 1 });
    expect(second[5]).toEqual(first[5]);
  });
});

describe('the example embedded-app', () => {
  it('counts what its own routes do, each document once', async () => {
    await using app = await startEmbeddedApp();
    const written = await call(app.url, '', 'POST', '/documents', {
      owner: 'ann',
      text: 'twelve chars',
    });
    await call(app.url, '', 'POST', '/documents', { owner: 'bob', text: 'abc' });
    const again = await call(app.url, '', 'POST', `/documents/${written.body.document_id}/count`);
    const usage = await call(app.url, '', 'GET', '/documents/usage/ann');
    const nobody = await call(app.url, '', 'GET', '/documents/usage/carol');

    expect(written).toMatchObject({ status: 201, body: { counted: 'accepted' } });
    expect(again.body).toEqual({ counted: 'duplicate' });
    expect(usage.body).toEqual({ characters: '12' });
    expect(nobody.body).toEqual({ characters: '0' });
  });

  it('keeps its routes, its errors and its data source to itself', async () => {
    await using app = await startEmbeddedApp();

    const open = await fetch(`${app.url}/documents`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ owner: 'ann', text: 'abc' }),
    });
    const missing = await fetch(`${app.url}/nowhere`);
    const ours = await fetch(`${app.url}/v1/meters`);

    expect(open.status).toBe(201);
    expect(await missing.json()).toMatchObject({ statusCode: 404, error: 'Not Found' });
    expect(ours.status).toBe(404);
  });
});
