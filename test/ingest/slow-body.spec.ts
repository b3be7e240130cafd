import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startTestApp } from '../support/app.js';

it('a client that sends a byte a second is cut, and others are served meanwhile', async () => {
  await using app = await startTestApp();
  await app.call('PUT', '/v1/meters/requests', { aggregation: 'sum' });
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /v1/usage-events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${app.apiKey}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{',
  );
  const drip = setInterval(() => socket.writable && socket.write(' '), 1_000);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.on('error', () => undefined);
  try {
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const meanwhile = await app.call('POST', '/v1/usage-events', {
      usage_event_id: 'x',
      customer_id: 'c',
      meter: 'requests',
      quantity: 1,
    });
    expect(meanwhile.status).toBe(201);
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('request_timeout');
  } finally {
    clearInterval(drip);
    socket.destroy();
  }
});
