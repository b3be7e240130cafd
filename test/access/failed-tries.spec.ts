import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailedTries } from '../../src/access/failed-tries.js';
import { makeKey } from '../../src/access/key-text.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { startTestApp, type TestApp } from '../support/app.js';

const FREE_TRIES = 200;

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

let api: TestApp;
beforeAll(async () => {
  api = await startTestApp();
});
afterAll(() => api[Symbol.asyncDispose]());

const withKey = (key: string) =>
  api.call('GET', '/v1/meters', undefined, {
    authorization: `Bearer ${key}`,
    // Anybody may say so of himself; it is the connection's address that counts.
    'x-forwarded-for': `10.0.${Math.floor(Math.random() * 256)}.1`,
  });

describe('who tries keys that are none', () => {
  it('is answered 429 after some, counted, and never keeps a good key out', async () => {
    const made = await api.call('POST', '/v1/api-keys', { name: 'good', scopes: ['usage:read'] });
    const good = (made.body as { key: string }).key;

    const statuses: number[] = [];
    for (let tried = 0; tried < FREE_TRIES + 100; tried += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => withKey(makeKey().text)));
      statuses.push(...answers.map(({ status }) => status));
      for (const { status, headers, body } of answers) {
        if (status !== 429) continue;
        expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        expect(body).toMatchObject({ code: 'rate_limited' });
      }
    }

    expect(statuses.slice(0, FREE_TRIES)).toEqual(Array(FREE_TRIES).fill(401));
    expect(statuses).toContain(429);
    // Not even one that this process has never seen, from the same address.
    expect((await withKey(good)).status).toBe(200);
    expect((await api.call('GET', '/v1/meters')).status).toBe(200);
    const metrics = await api.call('GET', '/metrics');
    expect(metrics.text).toMatch(/api_key_refusals_total\{reason="unknown"\} \d{3}/);
    expect(metrics.text).toMatch(/api_key_refusals_total\{reason="slowed"\} [1-9]/);
  });

  it('but sends no key, or one that its checksum refuses, is told so each time', async () => {
    const typo = makeKey().text.slice(0, -1);
    for (let tried = 0; tried < FREE_TRIES + 20; tried++) {
      expect((await withKey(typo)).status).toBe(401);
    }
    const metrics = await api.call('GET', '/metrics');
    expect(metrics.text).toMatch(/api_key_refusals_total\{reason="malformed"\} 220/);
  });
});

describe('failed tries', () => {
  const exhausted = (tries: FailedTries, address: string, keyId: string): number => {
    let count = 0;
    while (tries.refuse({ reason: 'unknown', keyId }, address).status === 401 && count < 500)
      count++;
    return count;
  };

  it('are counted by address and by the key id they name', () => {
    const tries = new FailedTries(new Metrics());
    expect(exhausted(tries, '10.0.0.1', 'aaaaaaaaaa')).toBe(FREE_TRIES);
    expect(tries.refuse({ reason: 'unknown', keyId: 'bbbbbbbbbb' }, '10.0.0.1').status).toBe(429);
    expect(tries.refuse({ reason: 'unknown', keyId: 'aaaaaaaaaa' }, '10.0.0.2').status).toBe(429);
    expect(tries.refuse({ reason: 'unknown', keyId: 'bbbbbbbbbb' }, '10.0.0.2').status).toBe(401);
  });

  it('of one network of IPv6 are those of one source', () => {
    const tries = new FailedTries(new Metrics());
    for (let i = 0; i < FREE_TRIES; i++) {
      tries.refuse({ reason: 'unknown' }, `2001:db8:0:7::${i.toString(16)}`);
    }
    const other = { reason: 'unknown' } as const;
    expect(tries.refuse(other, '2001:db8:0:7:ffff::1').status).toBe(429);
    expect(tries.refuse(other, '2001:db8:0:8::1').status).toBe(401);
  });

  it('of any number of addresses take no more memory than those of some thousand', () => {
    const tries = new FailedTries(new Metrics());
    const refuse = (n: number): void => {
      tries.refuse({ reason: 'unknown' }, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    };
    for (let n = 0; n < 12_000; n++) refuse(n);
    const before = heapBytes();
    for (let n = 12_000; n < 60_000; n++) refuse(n);
    // Each takes over 400 bytes: 48,000 more of them would be 20 MB.
    expect(heapBytes() - before).toBeLessThan(5_000_000);
  });
});
