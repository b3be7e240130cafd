import { describe, expect, it } from 'vitest';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';

const event = (n: number) =>
  JSON.stringify({ usage_event_id: `${n}`, customer_id: 'c', meter: 'requests' });

async function burst(api: TestApp, count: number): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, () => api.call('GET', '/v1/meters')));
}

describe('RATE_LIMIT_PER_SECOND', () => {
  it('lets so many requests of a key through at once, and sends the others away for a second', async () => {
    await using api = await startTestApp({ RATE_LIMIT_PER_SECOND: '5' });

    const answers = await burst(api, 40);

    const refused = answers.filter(({ status }) => status === 429);
    const through = answers.filter(({ status }) => status === 200);
    expect(refused.length + through.length).toBe(40);
    expect(through.length).toBeGreaterThanOrEqual(5);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of answers) {
      expect(headers.get('ratelimit-policy')).toBe('"key";q=5;w=1');
      expect(headers.get('ratelimit')).toMatch(/^"key";r=[0-4];t=1$/);
    }
    for (const { headers, body } of refused) {
      expect(headers.get('retry-after')).toBe('1');
      expect(body).toMatchObject({ code: 'rate_limited', status: 429 });
    }
    // By then there is one again, as Retry-After has it.
    await expect.poll(async () => (await burst(api, 1))[0]!.status).toBe(200);
  });

  it('is of each key by itself, and of no public route', async () => {
    await using api = await startTestApp({ RATE_LIMIT_PER_SECOND: '1' });
    const made = await api.call('POST', '/v1/api-keys', { name: 'own', scopes: ['usage:read'] });
    const { key } = made.body as { key: string };

    const mine = await burst(api, 5);
    const other = await api.call('GET', '/v1/meters', undefined, {
      authorization: `Bearer ${key}`,
    });
    const health = await Promise.all(
      Array.from({ length: 5 }, () => api.call('GET', '/health/live')),
    );

    expect(mine.map(({ status }) => status)).toContain(429);
    expect(other.status).toBe(200);
    expect(health.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(health[0]!.headers.has('ratelimit')).toBe(false);
  });

  it('counts a stream of usage events as one request', async () => {
    await using api = await startTestApp({ RATE_LIMIT_PER_SECOND: '1' });
    await expect
      .poll(async () => (await api.call('PUT', '/v1/meters/requests', SUM)).status)
      .toBeLessThan(300);
    const lines = Array.from({ length: 3_000 }, (_, n) => `${event(n)}\n`).join('');
    const headers = { 'content-type': 'application/x-ndjson' };

    const stream = async () => api.call('POST', '/v1/usage-events', lines, headers);
    await expect.poll(async () => (await stream()).status, { timeout: 20_000 }).toBe(200);
    const entries = await api.pool.query('SELECT count(*)::int AS n FROM usage_event_key');
    expect(entries.rows).toEqual([{ n: 3_000 }]);
  });

  it('is none by default', async () => {
    await using api = await startTestApp();
    const answers = await burst(api, 50);
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(answers[0]!.headers.has('ratelimit-policy')).toBe(false);
  });
});

const SUM = { aggregation: 'count' };
