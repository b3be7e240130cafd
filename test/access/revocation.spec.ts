import { once } from 'node:events';
import { request } from 'node:http';
import { expect, it } from 'vitest';
import { call } from '../support/app.js';
import { startServerProcesses } from '../races/server-process.js';

const REVOKED_EVERYWHERE_MS = 60_000;

it('a key revoked by one process is refused by every other within 60 s, streams included', async () => {
  await using processes = await startServerProcesses(2);
  const [one, other] = processes.servers;
  await one!.call('PUT', '/v1/meters/requests', { aggregation: 'count' });
  const made = await one!.call('POST', '/v1/api-keys', { name: 'leaked', scopes: ['usage:write'] });
  const { id, key } = made.body as { id: string; key: string };
  const send = async (url: string) =>
    (await call(url, key, 'POST', '/v1/usage-events', '{}')).status;
  expect([await send(one!.url), await send(other!.url)]).toEqual([422, 422]);

  const stream = request(`${other!.url}/v1/usage-events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
  });
  let sent = 0;
  const lines = setInterval(() => {
    const usage_event_id = `${sent++}`;
    stream.write(
      `${JSON.stringify({ usage_event_id, customer_id: 'c', meter: 'requests' })}${' '.repeat(60)}\n`,
    );
  }, 200);
  const cut = once(stream, 'response') as Promise<[{ statusCode: number; resume: () => void }]>;
  stream.on('error', () => undefined);

  const revokedAt = Date.now();
  expect((await one!.call('DELETE', `/v1/api-keys/${id}`)).status).toBe(204);
  expect(await send(one!.url)).toBe(401);
  try {
    await expect
      .poll(() => send(other!.url), { timeout: REVOKED_EVERYWHERE_MS, interval: 500 })
      .toBe(401);
    const [answer] = await cut;
    expect(answer.statusCode).toBe(401);
    expect(Date.now() - revokedAt).toBeLessThan(REVOKED_EVERYWHERE_MS);
  } finally {
    clearInterval(lines);
    stream.destroy();
  }
}, 180_000);
