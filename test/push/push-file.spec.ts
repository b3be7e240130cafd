import { appendFileSync, mkdirSync, readFileSync, renameSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { FileTarget } from '../../src/stripe/file-target.js';
import type { PushBody, SendOutcome } from '../../src/stripe/push-target.js';
import { startTestApp } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ACCOUNT = { accountId: 'file', livemode: true };

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url, 4);
});
afterAll(async () => {
  await db.end();
  await database[Symbol.asyncDispose]();
});

function newPath(): string {
  return join(temporaryFolder(), 'pushes.ndjson');
}

/** A process of its own, as far as its target knows. */
function process(PUSH_FILE: string): FileTarget {
  return new FileTarget(db, loadConfig({ PUSH_TARGET: 'file', PUSH_FILE }));
}

function body(identifier: string, value = '1'): PushBody {
  return {
    eventName: 'calls',
    identifier,
    customerKey: 'stripe_customer_id',
    stripeCustomerId: 'cus_ü',
    valueKey: 'value',
    value,
    timestamp: 1_794_000_000_000_000,
  };
}

function send(target: FileTarget, identifier: string, value?: string): Promise<SendOutcome> {
  return target.send(ACCOUNT, body(identifier, value), identifier);
}

/** @throws Where any line is not whole. */
function identifiersIn(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { identifier: string }).identifier);
}

describe('a file of pushes', () => {
  it('holds each once, from however many processes at once', async () => {
    const path = newPath();
    const processes = [process(path), process(path), process(path)];
    const names = Array.from({ length: 200 }, (_, index) => `push ${index}`);
    const outcomes = await Promise.all(
      processes.flatMap((target) => names.map((name) => send(target, name))),
    );
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['delivered']));
    expect(identifiersIn(path).toSorted()).toEqual(names.toSorted());
  });

  it('is made whole again wherever a write broke off, and what was lost is written again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2_000 }), async (cut) => {
        const path = newPath();
        const names = ['a', 'b', 'ü', 'd'];
        const first = process(path);
        for (const name of names) await send(first, name);
        const bytes = readFileSync(path).length;
        truncateSync(path, cut % (bytes + 1));
        const again = [...names, 'e'];
        // The process that wrote them, and one that never saw the file.
        for (const target of [first, process(path)]) {
          for (const name of again) expect(await send(target, name)).toEqual({ kind: 'delivered' });
        }
        expect(identifiersIn(path).toSorted()).toEqual(again.toSorted());
      }),
      { numRuns: 30 },
    );
  });

  it('does not take another push under a name that it has', async () => {
    const path = newPath();
    await send(process(path), 'a', '1');
    expect(await send(process(path), 'a', '2')).toMatchObject({ kind: 'identifier_taken' });
    expect(identifiersIn(path)).toEqual(['a']);
  });

  it('lets lines of others be', async () => {
    const path = newPath();
    appendFileSync(path, 'not ours\n{"identifier":7}\n[]\nnull\n');
    expect(await send(process(path), 'a')).toEqual({ kind: 'delivered' });
    expect(readFileSync(path, 'utf8')).toMatch(/^not ours\n\{"identifier":7\}\n\[\]\nnull\n\{/);
  });

  it('begins anew where it was moved away', async () => {
    const path = newPath();
    const target = process(path);
    await send(target, 'a');
    renameSync(path, `${path}.1`);
    await send(target, 'b');
    expect([identifiersIn(`${path}.1`), identifiersIn(path)]).toEqual([['a'], ['b']]);
  });

  it('is tried again where the disk refuses', async () => {
    const path = newPath();
    mkdirSync(path);
    expect(await send(process(path), 'a')).toMatchObject({ kind: 'try_later', isDown: true });
    const under = join(newPath(), 'x');
    appendFileSync(dirname(under), 'a file, not a folder');
    expect(await send(process(under), 'a')).toMatchObject({ kind: 'try_later' });
  });
});

describe('the application with PUSH_TARGET=file', () => {
  it('writes what a close owes, without any Stripe', async () => {
    const path = newPath();
    await using test = await startTestApp({ ROLE: 'all', PUSH_TARGET: 'file', PUSH_FILE: path });
    await test.call('PUT', '/v1/meters/calls', { aggregation: 'sum', stripe_event_name: 'calls' });
    const anchor = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000).toISOString();
    await test.call('PUT', '/v1/customers/acme', {
      stripe_customer_id: 'cus_acme',
      billing_period: { interval: 'day', interval_count: 1, anchor, timezone: 'UTC' },
    });
    const yesterday = new Date(Date.parse(anchor) - 3_600_000 * 5).toISOString();
    const event = { customer_id: 'acme', meter: 'calls', occurred_at: yesterday };
    const events = [
      { ...event, usage_event_id: '1', quantity: '2.5' },
      { ...event, usage_event_id: '2', quantity: '0.25' },
    ];
    expect((await test.call('POST', '/v1/usage-events', { events })).status).toBe(200);
    expect((await test.call('POST', '/v1/period-closes', {})).status).toBe(200);
    await expect
      .poll(() => test.call('GET', '/v1/pushes').then(({ body: { data } }) => data), {
        timeout: 20_000,
      })
      .toMatchObject([{ status: 'delivered', value: '2.75' }]);
    const { payload, account } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, any>;
    expect([payload, account]).toEqual([{ stripe_customer_id: 'cus_acme', value: '2.75' }, 'file']);
  });
});
