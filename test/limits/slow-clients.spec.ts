import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBodyServer, type BodyServer } from '../ingest/body-server.js';
import { startTestApp } from '../support/app.js';

/** As the product has it, fifteen times as fast: a byte in 100 ms stands for one in 1.5 s. */
const SPAN_MS = 2_000;

let server: BodyServer;
beforeAll(async () => {
  server = await startBodyServer({ streamSpanMs: SPAN_MS, lingerMs: 500 });
});
afterAll(() => server[Symbol.asyncDispose]());

interface Talk {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  answer(): string;
}

function talk(port: number, head: string): Talk {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.on('error', () => undefined);
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  return {
    socket,
    closed: new Promise((resolve) => socket.once('close', resolve)),
    answer: () => answer,
  };
}

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Sends a piece again and again until the connection is closed. */
async function drip({ socket, closed }: Talk, piece: string, everyMs: number): Promise<void> {
  const timer = setInterval(() => socket.writable && socket.write(piece), everyMs);
  await closed;
  clearInterval(timer);
}

describe('a stream', () => {
  it('of a byte at a time is cut', async () => {
    const slow = talk(
      server.port,
      'POST /lines HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n',
    );
    await drip(slow, chunk('1'), 100);
    expect(slow.answer()).toMatch(/^HTTP\/1\.1 408 /);
    expect(slow.answer()).toContain('request_timeout');
  });

  it('of an event now and then goes on for as long as it likes', async () => {
    const patient = talk(
      server.port,
      'POST /lines HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n',
    );
    for (let line = 0; line < 12; line++) {
      patient.socket.write(chunk(`${JSON.stringify({ line, more: 'x'.repeat(80) })}\n`));
      await sleep(SPAN_MS / 4);
    }
    patient.socket.write('0\r\n\r\n');
    await patient.closed;
    expect(patient.answer()).toMatch(/^HTTP\/1\.1 201 /);
    expect(patient.answer()).toContain('{"count":12,"tooLong":0}');
  });
});

describe('who was answered', () => {
  it('and goes on sending byte by byte is cut, key or no key', async () => {
    const refused = talk(
      server.port,
      'POST /refused HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n',
    );
    await drip(refused, chunk('1'), 100);
    expect(refused.answer()).toMatch(/^HTTP\/1\.1 500 /);

    await using api = await startTestApp();
    const stranger = talk(
      Number(new URL(api.url).port),
      'POST /v1/usage-events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n',
    );
    await drip(stranger, chunk('1'), 100);
    expect(stranger.answer()).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('headers', () => {
  it('that never end are cut', async () => {
    await using api = await startTestApp();
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => undefined);
    socket.write('GET /v1/meters HTTP/1.1\r\n');
    const timer = setInterval(() => socket.writable && socket.write('X-A: b\r\n'), 500);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(timer);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });
});
