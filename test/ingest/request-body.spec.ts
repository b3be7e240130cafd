import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, startBodyServer, type BodyServer } from './body-server.js';

const MIB = 1024 * 1024;
let server: BodyServer;

beforeAll(async () => {
  server = await startBodyServer();
});
afterAll(() => server[Symbol.asyncDispose]());

type BodyInit = NonNullable<RequestInit['body']>;

interface Sent {
  status: number;
  code: string | undefined;
  body: unknown;
  headers: Headers;
}

async function post(path: string, body: BodyInit | null, headers = {}): Promise<Sent> {
  const init = {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  };
  const response = await fetch(`${server.url}/${path}`, { ...init, duplex: 'half' });
  const answer = (await response.json()) as { code?: string; body?: unknown };
  const { status } = response;
  return { status, code: answer.code, body: answer.body ?? answer, headers: response.headers };
}

/** Without a length, so the server learns it only by reading. */
const chunked = (chunk: Uint8Array, times: number) =>
  new ReadableStream<Uint8Array>({
    pull(controller) {
      if (times-- > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });

describe('a JSON body', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON',
    'application/cloudevents+json',
    'application/cloudevents+json; charset=UTF-8',
    'application/cloudevents-batch+json',
    'application/json;charset="utf-8"',
  ])('is read as %s', async (type) => {
    const sent = await post('json', '[{"a":"é"}]', { 'content-type': type });
    expect([sent.status, sent.body]).toEqual([201, [{ a: 'é' }]]);
  });

  it.each([
    ['text/plain', 'x'],
    ['application/x-www-form-urlencoded', 'a=1'],
    ['application/jsonp', '{}'],
    ['application/json-patch', '{}'],
    ['text/json', '{}'],
    ['application/ld+json', '{}'],
    ['application/vnd.api+json', '{}'],
    ['application/json; charset=latin1', '{}'],
    ['application/json; charset=utf-16', '{}'],
    ['application/x-ndjson; charset=latin1', '{}'],
    ['nonsense', '{}'],
  ])('is not read as %s', async (type, body) => {
    const sent = await post('json', body, { 'content-type': type });
    expect([sent.status, sent.code]).toEqual([415, 'unsupported_media_type']);
  });

  it('needs a content type', async () => {
    const answer = await exchange(
      server.port,
      'POST /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}',
    );
    expect(answer).toMatch(/^HTTP\/1.1 415 /);
    expect(answer).toContain('unsupported_media_type');
  });

  it.each<[string, BodyInit, string]>([
    ['nothing', '', 'empty_body'],
    ['half of it', '{"a":', 'invalid_json'],
    ['bytes that are no UTF-8', Uint8Array.from([0x22, 0xff, 0x22]), 'invalid_utf8'],
    ['a key twice', '{"quantity":1,"quantity":9}', 'duplicate_key'],
    ['9 levels', '['.repeat(9) + ']'.repeat(9), 'nesting_too_deep'],
    ['100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000), 'nesting_too_deep'],
  ])('with %s is 400', async (_, body, code) => {
    const sent = await post('json', body);
    expect([sent.status, sent.code]).toEqual([400, code]);
  });

  it('does not pollute prototypes', async () => {
    const sent = await post(
      'json',
      '{"__proto__":{"admin":true},"a":{"constructor":{"prototype":{}}}}',
    );
    expect(sent.status).toBe(201);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('may be gzip, in several members too', async () => {
    const gzip = Buffer.concat([gzipSync('{"a":'), gzipSync('1}')]);
    for (const encoding of ['gzip', 'x-gzip', 'GZIP']) {
      const sent = await post('json', gzip, { 'content-encoding': encoding });
      expect(sent.body).toEqual({ a: 1 });
    }
    const plain = await post('json', '{"a":1}', { 'content-encoding': 'identity' });
    expect(plain.body).toEqual({ a: 1 });
  });

  it.each(['br', 'deflate', 'gzip, gzip', 'zstd'])('is not read as %s', async (encoding) => {
    const sent = await post('json', '{}', { 'content-encoding': encoding });
    expect([sent.status, sent.code]).toEqual([415, 'unsupported_content_encoding']);
    expect(sent.headers.get('accept-encoding')).toBe('gzip');
  });

  it.each([
    ['cut', gzipSync('{"a":1}').subarray(0, -5)],
    ['no gzip', Buffer.from('{"a":1}')],
    ['damaged', Buffer.concat([gzipSync('{"a":1}').subarray(0, 12), Buffer.alloc(20, 0xff)])],
  ])('in gzip that is %s is 400', async (_, body) => {
    const sent = await post('json', body, { 'content-encoding': 'gzip' });
    expect([sent.status, sent.code]).toEqual([400, 'invalid_gzip']);
  });
});

describe('a large JSON body', () => {
  const text = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`;

  it('of 16 MiB is read', async () => {
    expect((await post('json', text(16 * MIB))).status).toBe(201);
    expect(
      (await post('json', gzipSync(text(16 * MIB)), { 'content-encoding': 'gzip' })).status,
    ).toBe(201);
  });

  it('of one byte more is 413, by length, by reading and by inflating', async () => {
    const big = text(16 * MIB + 1);
    const half = Buffer.alloc((16 * MIB) / 2, 'x');
    const answers = [
      await post('json', big),
      await post('json', chunked(half, 3)),
      await post('json', gzipSync(big), { 'content-encoding': 'gzip' }),
    ];
    expect(answers.map((sent) => [sent.status, sent.code])).toEqual(
      answers.map(() => [413, 'payload_too_large']),
    );
  });

  it('is refused before it is sent', async () => {
    const answer = await exchange(
      server.port,
      'POST /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n' +
        'Content-Length: 17000000\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  it('that is a bomb of 300 MB is 413, in little memory', async () => {
    const bomb = gzipSync(Buffer.alloc(300 * MIB));
    expect(bomb.length).toBeLessThan(MIB);
    const before = process.memoryUsage().rss;
    const sent = await post('json', bomb, { 'content-encoding': 'gzip' });
    expect([sent.status, sent.code]).toEqual([413, 'payload_too_large']);
    // The limit itself may be held; the other 284 MB may not.
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
  });

  it('leaves the connection to the next request', async () => {
    const refused = 'x'.repeat(17 * MIB);
    const answer = await exchange(
      server.port,
      `POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${refused.length}\r\n\r\n`,
      refused,
      'POST /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1',
    );
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 201']);
  });
});

describe('an NDJSON body', () => {
  const ndjson = { 'content-type': 'application/x-ndjson' };

  it.each(['application/x-ndjson', 'application/ndjson', 'application/jsonl; charset=utf-8'])(
    'is handed over as it comes, as %s',
    async (type) => {
      const sent = await post('lines', '1\n2\n3', { 'content-type': type });
      expect(sent.body).toEqual({ count: 3, tooLong: 0 });
    },
  );

  it('may be longer than 16 MiB, and gzip', async () => {
    const lines = Buffer.from(`${'x'.repeat(1023)}\n`.repeat(1024));
    expect((await post('lines', chunked(lines, 40), ndjson)).body).toEqual({
      count: 40 * 1024,
      tooLong: 0,
    });
    const gzip = { ...ndjson, 'content-encoding': 'gzip' };
    const body = gzipSync(Buffer.concat(Array<Buffer>(40).fill(lines)));
    expect((await post('lines', body, gzip)).body).toEqual({ count: 40 * 1024, tooLong: 0 });
  });

  it('in damaged gzip is 400', async () => {
    const body = gzipSync('1\n2\n').subarray(0, -6);
    const sent = await post('lines', body, { ...ndjson, 'content-encoding': 'gzip' });
    expect([sent.status, sent.code]).toEqual([400, 'invalid_gzip']);
  });

  it.each(['refused', 'first-line'])(
    'that is not read to its end (%s) frees the connection',
    async (path) => {
      const body = 'x\n'.repeat(2 * MIB);
      const head = `POST /${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: ${body.length}\r\n`;
      const answer = await exchange(
        server.port,
        `${head}\r\n`,
        body,
        `${head}Connection: close\r\n\r\n`,
        body,
      );
      expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(
        Array(2).fill(path === 'refused' ? 'HTTP/1.1 500' : 'HTTP/1.1 201'),
      );
    },
  );

  it.each([
    ['lines', 'identity'],
    ['lines', 'gzip'],
    ['late', 'identity'],
    ['late', 'gzip'],
  ])('that breaks off (%s, %s) ends the reading and not the process', async (path, encoding) => {
    const before = server.broken.length;
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `POST /${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n` +
        `Content-Encoding: ${encoding}\r\n\r\n`,
    );
    const part = encoding === 'gzip' ? gzipSync('1\n2\n').subarray(0, 12) : Buffer.from('1\n2');
    socket.write(
      Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
    );
    await delay(50);
    socket.destroy();
    await expect.poll(() => server.broken.length, { timeout: 10_000 }).toBe(before + 1);
    expect(server.broken.at(-1)).toMatchObject({ code: 'request_aborted' });
    expect((await post('json', '1')).status).toBe(201);
  });
});

describe('a JSON body that breaks off', () => {
  it.each(['', 'Content-Encoding: gzip\r\n'])('does no harm (%j)', async (encoding) => {
    for (let i = 0; i < 20; i++) {
      const socket = connect(server.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(
        `POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${encoding}Content-Length: 100\r\n\r\n{"a"`,
      );
      await delay(2);
      socket.destroy();
    }
    expect((await post('json', '1')).status).toBe(201);
  });
});
