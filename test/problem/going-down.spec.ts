import { once } from 'node:events';
import { connect, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { startTestApp } from '../support/app.js';

it('a process that goes down finishes what it has begun, and has the rest come again', async () => {
  await using app = await startTestApp();
  await app.call('PUT', '/v1/meters/m', { aggregation: 'sum' });
  const { port } = new URL(app.url);
  const body = JSON.stringify({ usage_event_id: 'a', customer_id: 'c', meter: 'm', quantity: 1 });
  const head = (method: string, path: string) =>
    `${method} ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${app.apiKey}\r\n`;

  const server = app.app.getHttpServer() as Server;
  const begun = once(server, 'request');
  const socket = connect(Number(port), '127.0.0.1');
  const answers = text(socket);
  socket.write(
    `${head('POST', '/v1/usage-events')}content-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
  );
  await begun;
  const closed = app.app.close();
  await expect.poll(() => server.listening).toBe(false);
  socket.write(`${body.slice(10)}${head('GET', '/v1/meters')}\r\n`);

  const [, first, second] = (await answers).split('HTTP/1.1 ');
  expect(first).toMatch(/^201 /);
  expect(second).toMatch(/^503 /);
  expect(second).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/i);
  expect(second).toMatch(/\r\nretry-after: \d+\r\n/i);
  expect(second).toContain('"code":"service_unavailable"');
  await closed;
});
