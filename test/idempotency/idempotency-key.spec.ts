import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TenantService } from '../../src/access/tenant.service.js';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { CommandAnswerTimer } from '../../src/idempotency/command-answer.timer.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startTestApp();
});
afterAll(() => test[Symbol.asyncDispose]());

const READER = { name: 'reader', scopes: ['usage:read'] };

function post(
  path: string,
  key: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return test.call('POST', path, body, { 'idempotency-key': key, ...headers });
}

function isReplayed({ headers }: Answer): boolean {
  return headers.get('idempotency-replayed') === 'true';
}

async function count(table: string): Promise<number> {
  const { rows } = await test.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
  return rows[0]!.n;
}

async function answerRows(key: string): Promise<{ status: number; body: string }[]> {
  const sql = 'SELECT status, body FROM command_answer WHERE idempotency_key = $1';
  return (await test.pool.query<{ status: number; body: string }>(sql, [key])).rows;
}

describe('a command with an idempotency key', () => {
  it('is done once, and answered the same again', async () => {
    const key = randomUUID();
    const first = await post('/v1/period-closes', key, { as_of: '2026-01-01T00:00:00Z' });
    const closes = await count('period_close');
    const second = await post('/v1/period-closes', key, { as_of: '2026-01-01T00:00:00Z' });

    expect(first.status).toBe(200);
    expect(first.headers.has('idempotency-replayed')).toBe(false);
    expect(isReplayed(second)).toBe(true);
    expect(second.status).toBe(200);
    expect(second.text).toBe(first.text);
    expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(await count('period_close')).toBe(closes);
  });

  it('is done as often as it is sent where there is no key', async () => {
    const before = await count('period_close');
    await test.call('POST', '/v1/period-closes', {});
    const again = await test.call('POST', '/v1/period-closes', {});

    expect(isReplayed(again)).toBe(false);
    expect(await count('period_close')).toBe(before + 2);
  });

  it('tells a secret once, and keeps it nowhere', async () => {
    const key = randomUUID();
    const before = await count('api_key');
    const first = await post('/v1/api-keys', key, READER);
    const second = await post('/v1/api-keys', key, READER);

    const { key: secret, ...rest } = first.body as { key: string };
    expect(secret).toMatch(/^co_/);
    expect(second.status).toBe(201);
    expect(isReplayed(second)).toBe(true);
    expect(second.body).toEqual(rest);
    expect(await count('api_key')).toBe(before + 1);
    const { rows } = await test.pool.query<{ row: string }>(
      'SELECT a::text AS row FROM command_answer a WHERE idempotency_key = $1',
      [key],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]!.row).not.toContain(secret);
  });

  it('is the same however its JSON is written', async () => {
    const key = randomUUID();
    const first = await post('/v1/api-keys', key, '{"name":"a","scopes":["admin"]}');
    const second = await post('/v1/api-keys', key, '{ "scopes" : ["admin"],\n "name":"\\u0061" }');
    const third = await post('/v1/api-keys', key, '{"name":"a","scopes":["admin"],"__proto__":{}}');

    expect(first.status).toBe(201);
    expect(isReplayed(second)).toBe(true);
    expect(third.body.code).toBe('idempotency_key_reused');
  });

  it('is refused under a key that belongs to another body or another path', async () => {
    const key = randomUUID();
    await post('/v1/api-keys', key, READER);
    const other = await post('/v1/api-keys', key, { ...READER, name: 'another' });
    const wrong = await post('/v1/api-keys', key, { nonsense: true });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    expect(other.headers.get('content-type')).toBe('application/problem+json');
    expect(wrong.body.code).toBe('idempotency_key_reused');

    await post('/v1/customers/one/flushes', key, {});
    const path = await post('/v1/customers/other/flushes', key, {});
    expect(path.body.code).toBe('idempotency_key_reused');
  });

  it('has its keys by route and by tenant', async () => {
    const key = randomUUID();
    await post('/v1/period-closes', key, {});
    const route = await post('/v1/reconciliations', key, {});
    expect([route.status, isReplayed(route)]).toEqual([200, false]);

    const tenantId = await test.app.get(TenantService).create(`tenant ${key}`);
    const { text } = await test.app.get(ApiKeyService).create(tenantId, 'all', ['billing:write']);
    const tenant = await post('/v1/period-closes', key, {}, { authorization: `Bearer ${text}` });
    expect([tenant.status, isReplayed(tenant)]).toEqual([200, false]);
  });

  it('is refused the same again, byte for byte', async () => {
    const key = randomUUID();
    const first = await post('/v1/customers/nobody/flushes', key, {});
    const second = await post('/v1/customers/nobody/flushes', key, {});

    expect([first.status, first.body.code]).toEqual([404, 'customer_not_found']);
    expect(second.status).toBe(404);
    expect(isReplayed(second)).toBe(true);
    expect(second.text).toBe(first.text);
    expect(second.headers.get('content-type')).toBe('application/problem+json');
  });

  it('may be corrected under its key where its form was refused', async () => {
    const key = randomUUID();
    const wrong = await post('/v1/api-keys', key, { name: 'reader' });
    expect([wrong.status, wrong.body.code]).toEqual([422, 'validation_failed']);
    expect(await answerRows(key)).toEqual([]);

    const empty = await post('/v1/period-closes', key);
    expect(empty.status).toBe(400);
    expect((await post('/v1/api-keys', key, READER)).status).toBe(201);
    expect((await post('/v1/period-closes', key, {})).status).toBe(200);
  });

  it('leaves no answer to keep where its caller may not send it', async () => {
    const key = randomUUID();
    const { body } = await test.call('POST', '/v1/api-keys', READER);
    const weak = { authorization: `Bearer ${body.key}` };
    expect((await post('/v1/period-closes', key, {}, weak)).status).toBe(403);
    expect((await post('/v1/period-closes', key, {}, { authorization: 'Bearer x' })).status).toBe(
      401,
    );
    expect(isReplayed(await post('/v1/period-closes', key, {}))).toBe(false);
    expect((await post('/v1/period-closes', key, {}, weak)).status).toBe(403);
  });

  it('undoes what it did, and keeps no answer, where it breaks', async () => {
    const key = randomUUID();
    const before = await count('api_key');
    await test.pool.query(`
      CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$;
      CREATE TRIGGER break BEFORE INSERT ON command_answer FOR EACH ROW EXECUTE FUNCTION break()`);
    const broken = await post('/v1/api-keys', key, READER);
    await test.pool.query('DROP TRIGGER break ON command_answer; DROP FUNCTION break');

    expect(broken.status).toBe(500);
    expect(await count('api_key')).toBe(before);
    const again = await post('/v1/api-keys', key, READER);
    expect([again.status, isReplayed(again)]).toEqual([201, false]);
  });

  it.each([
    ['empty', ''],
    ['longer than 255 characters', 'a'.repeat(256)],
    ['with a blank', 'a b'],
    ['not ASCII', 'schl\u00fcssel'],
    ['two of them', 'a, b'],
  ])('is refused where its key is %s', async (_, key) => {
    const { status, body } = await post('/v1/period-closes', key, {});
    expect([status, body.code]).toEqual([400, 'idempotency_key_invalid']);
  });

  it('takes the longest key, and one in quotes', async () => {
    expect((await post('/v1/period-closes', '~'.repeat(255), {})).status).toBe(200);
    expect((await post('/v1/period-closes', '"quoted"', {})).status).toBe(200);
    expect(isReplayed(await post('/v1/period-closes', 'quoted', {}))).toBe(false);
  });

  it('is remembered for 30 days, and then forgotten', async () => {
    const key = randomUUID();
    const first = await post('/v1/period-closes', key, {});
    const age = (interval: string) =>
      test.pool.query(
        `UPDATE command_answer SET created_at = now() - $2::interval WHERE idempotency_key = $1`,
        [key, interval],
      );
    await age('29 days 23 hours');
    await test.app.get(CommandAnswerTimer).round();
    expect((await post('/v1/period-closes', key, {})).text).toBe(first.text);

    await age('30 days 1 hour');
    const later = await post('/v1/period-closes', key, {});
    expect(isReplayed(later)).toBe(false);
    expect(later.body.id).not.toBe(first.body.id);
    expect(isReplayed(await post('/v1/period-closes', key, {}))).toBe(true);

    await age('31 days');
    await test.app.get(CommandAnswerTimer).round();
    expect(await answerRows(key)).toEqual([]);
  });
});

it('usage events, which have ids of their own, take no notice of a key', async () => {
  const event = { usage_event_id: 'one', customer_id: 'acme', meter: 'tokens', quantity: '1' };
  await test.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
  expect((await post('/v1/usage-events', 'same', event)).status).toBe(201);
  const other = await post('/v1/usage-events', 'same', { ...event, usage_event_id: 'two' });
  expect([other.status, isReplayed(other)]).toEqual([201, false]);
});
