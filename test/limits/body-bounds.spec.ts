import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { BodyBudget } from '../../src/ingest/body-budget.js';
import { startBodyServer } from '../ingest/body-server.js';

const MIB = 1024 * 1024;

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

async function send(url: string, body: Uint8Array, headers: Record<string, string>) {
  const response = await fetch(url, { method: 'POST', body: body as never, headers });
  return { status: response.status, body: (await response.json()) as { code?: string } };
}

describe('a gzip bomb', () => {
  // 500 MiB in half a MiB: a thousand times its size.
  const bomb = gzipSync(Buffer.alloc(500 * MIB, 32));
  const gzip = { 'content-encoding': 'gzip' };

  it('is inflated as far as the limit and no further', async () => {
    await using server = await startBodyServer();
    expect((500 * MIB) / bomb.length).toBeGreaterThan(500);
    const headers = { ...gzip, 'content-type': 'application/json' };
    await send(`${server.url}/json`, bomb, headers);
    collectGarbage();
    const before = process.memoryUsage.rss();
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);

    const answers = await Promise.all(
      Array.from({ length: 8 }, () => send(`${server.url}/json`, bomb, headers)),
    );

    clearInterval(watch);
    for (const { status, body } of answers) {
      expect([status, body.code]).toEqual([413, 'payload_too_large']);
    }
    // Whole they would be 4,000 MiB; at the limit 16 MiB each.
    expect((most - before) / MIB).toBeLessThan(400);
  });

  it('in a stream is a line that is too long, and takes no memory', async () => {
    await using server = await startBodyServer();
    collectGarbage();
    const before = process.memoryUsage.rss();
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
    const headers = { ...gzip, 'content-type': 'application/x-ndjson' };
    const { status, body } = await send(`${server.url}/lines`, bomb, headers);
    clearInterval(watch);
    expect([status, body]).toEqual([201, { count: 0, tooLong: 1 }]);
    expect((most - before) / MIB).toBeLessThan(200);
  });
});

describe('large bodies at once', () => {
  it('are 503 beyond a bound, and taken again once others were answered', async () => {
    await using server = await startBodyServer({ budget: new BodyBudget(3 * MIB) });
    const headers = { 'content-type': 'application/json' };
    const body = Buffer.from(JSON.stringify('x'.repeat(2 * MIB)));

    // Each alone has room, again and again.
    for (let i = 0; i < 3; i++) {
      expect((await send(`${server.url}/json`, body, headers)).status).toBe(201);
    }
    const together = Buffer.from(JSON.stringify('x'.repeat(4 * MIB)));
    expect(await send(`${server.url}/json`, together, headers)).toMatchObject({
      status: 503,
      body: { code: 'overloaded' },
    });
    expect((await send(`${server.url}/json`, body, headers)).status).toBe(201);
  });

  it('are counted over all requests', () => {
    const budget = new BodyBudget(10);
    const [one, other] = [{}, {}] as FastifyRequest[];
    budget.take(one!, 6);
    budget.take(other!, 4);
    expect(() => budget.take(one!, 1)).toThrow(expect.objectContaining({ code: 'overloaded' }));
  });
});
