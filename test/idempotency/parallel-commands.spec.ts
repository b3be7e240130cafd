import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PushWorker } from '../../src/push/push-worker.js';
import { startServerProcesses, type ServerProcesses } from '../races/server-process.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { builtCli } from '../support/built-cli.js';
import { isReplayed, told } from './keyed-command.js';

const REQUESTS = 50;

let processes: ServerProcesses;
beforeAll(async () => {
  await builtCli();
  processes = await startServerProcesses(2);
}, 900_000);
afterAll(() => processes?.[Symbol.asyncDispose]());

describe('fifty requests with one key to two processes', () => {
  it.each([
    ['api-keys', { name: 'parallel', scopes: ['usage:read'] }, 201, 'api_key'],
    ['period-closes', { as_of: '2026-01-01T00:00:00Z' }, 200, 'period_close'],
    ['reconciliations', {}, 200, 'reconciliation'],
  ])('do one command of %s, with one answer', async (route, body, status, table) => {
    const { servers, database } = processes;
    const count = async () => {
      const { rows } = await database.pool.query(`SELECT count(*)::int AS n FROM ${table}`);
      return (rows[0] as { n: number }).n;
    };
    const before = await count();
    const headers = { 'idempotency-key': randomUUID() };
    const send = (index: number) =>
      servers[index % servers.length]!.call('POST', `/v1/${route}`, body, headers);
    const answers = await Promise.all(Array.from({ length: REQUESTS }, (_, index) => send(index)));

    const answered = answers.filter((answer) => answer.status === status);
    const others = answers.filter((answer) => answer.status !== status);
    expect(new Set(others.map(({ body }) => body.code))).toEqual(
      new Set(others.length > 0 ? ['idempotency_key_in_use'] : []),
    );
    expect(answered.filter((answer) => !isReplayed(answer))).toHaveLength(1);
    const late = await Promise.all(servers.map((_, index) => send(index)));
    expect(late.map(isReplayed)).toEqual([true, true]);
    const tellings = [...answered, ...late].map((answer) => JSON.stringify(told(answer)));
    expect(new Set(tellings).size).toBe(1);
    expect(await count()).toBe(before + 1);
  });
});

describe('a command that is still running', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startTestApp({ PUSH_INTERVAL_SECONDS: '0' });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('is in use until its commit, whoever asks', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const close = (body: object) => test.call('POST', '/v1/period-closes', body, headers);
    const holder = await test.pool.connect();
    onTestFinished(() => holder.release());
    await holder.query('BEGIN; SELECT FROM tenant FOR UPDATE');

    const first = close({});
    await found(
      test,
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    const early = await close({});
    expect([early.status, early.body.code]).toEqual([409, 'idempotency_key_in_use']);
    expect(early.headers.get('retry-after')).toBe('1');
    await holder.query('ROLLBACK');

    expect((await first).status).toBe(200);
    expect(isReplayed(await close({}))).toBe(true);
  });

  it('is in use after its commit too, until it has an answer', async () => {
    await test.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
    const event = { usage_event_id: 'one', customer_id: 'acme', meter: 'tokens', quantity: '1' };
    await test.call('POST', '/v1/usage-events', event);
    const headers = { 'idempotency-key': randomUUID() };
    const flush = (body: object) => test.call('POST', '/v1/customers/acme/flushes', body, headers);

    // Nobody plans what it waits for.
    const first = flush({});
    await found(test, 'SELECT FROM command_answer WHERE made IS NOT NULL AND answered_at IS NULL');
    const early = await flush({});
    const other = await flush({ meter: 'tokens' });
    expect([early.status, early.body.code]).toEqual([409, 'idempotency_key_in_use']);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    test.app.get(PushWorker).start();

    const answer = await first;
    expect(answer.body).toMatchObject({ status: 'held', customer_id: 'acme' });
    expect((await flush({})).text).toBe(answer.text);
  });
});

/** Until a query finds something. */
async function found(test: TestApp, sql: string): Promise<void> {
  for (;;) {
    if ((await test.pool.query(sql)).rows.length > 0) return;
    await sleep(20);
  }
}
