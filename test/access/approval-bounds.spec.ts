import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { call, startTestApp, type Answer, type TestApp } from '../support/app.js';
import { decide, fourEyes, outcome, type Person } from './four-eyes.js';

let test: TestApp;
beforeAll(async () => {
  test = await startTestApp();
});
afterAll(() => test[Symbol.asyncDispose]());

const BYTES_MAX = 32_768;

function close(by: Person, day: number): Promise<Answer> {
  const asOf = new Date(Date.UTC(2025, 0, day)).toISOString();
  return by.call('POST', '/v1/period-closes', { as_of: asOf });
}

describe('a request for an approval', () => {
  it.each([
    ['an ASCII', 'x', 1],
    ['a long', '\u{1F426}', 4],
  ])('has at most 32 KiB, in bytes: %s character', async (_, character, bytes) => {
    const scene = await fourEyes(test, ['meter.archive']);
    const send = (text: string) => scene.asker.call('DELETE', '/v1/meters/tokens', { text });
    await send('');
    const [{ n } = { n: 0 }] = await scene.rows<{ n: number }>(
      `SELECT octet_length(concat(parameters, query, body, hidden_members)) AS n
         FROM approval WHERE tenant_id = $1`,
    );
    const most = character.repeat(Math.floor((BYTES_MAX - n) / bytes));

    expect(outcome(await send(most))).toBe('approval_required');
    expect(outcome(await send(most + character))).toBe('approval_not_possible');
  });

  it('is one of at most 100 that wait of a key, and those of another are not counted', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const { asker, approver } = scene;
    await scene.approve(await close(asker, 0));
    for (let day = 1; day <= 100; day++) {
      expect(outcome(await close(asker, day))).toBe('approval_required');
    }
    expect(outcome(await close(asker, 101))).toBe('approvals_full');
    const others = await close(approver, 101);
    expect(outcome(others)).toBe('approval_required');

    const waiting = (await approver.call('GET', '/v1/approvals?state=requested&limit=1000')).body;
    const mine = waiting.data.find(
      (each: { requested_by: string }) => each.requested_by === asker.keyId,
    );
    expect((await decide(approver, mine.id, 'refuse')).status).toBe(200);
    expect(outcome(await close(asker, 101))).toBe('approval_required');
    expect(outcome(await close(asker, 102))).toBe('approvals_full');
  });

  it('is one of at most 1000 of a key in a day, whatever came of them', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const { asker, approver } = scene;
    const first = await close(asker, 1);
    expect((await decide(approver, first.body.approval_id, 'refuse')).status).toBe(200);
    await scene.rows(
      `INSERT INTO approval
       SELECT (jsonb_populate_record(a, jsonb_build_object('approval_id', gen_random_uuid()))).*
         FROM approval a, generate_series(1, 998) WHERE tenant_id = $1`,
    );
    expect(outcome(await close(asker, 2))).toBe('approval_required');
    expect(outcome(await close(asker, 3))).toBe('approvals_full');
    expect(outcome(await close(asker, 2))).toBe('approval_required');
    expect(outcome(await close(approver, 3))).toBe('approval_required');

    await scene.rows(
      `UPDATE approval SET created_at = created_at - interval '1 day' WHERE tenant_id = $1`,
    );
    expect(outcome(await close(asker, 3))).toBe('approval_required');
  });

  it.each(['revoked_at', 'expires_at'])(
    'falls where the last key of its line has: %s',
    async (end) => {
      const scene = await fourEyes(test, ['period.close']);
      const { asker, approver } = scene;
      const rotate = () =>
        asker.call('POST', `/v1/api-keys/${asker.keyId}/rotations`, { overlap_seconds: 3_600 });
      await scene.approve(await rotate());
      const successor = (await rotate()).body.key.slice(3, 13) as string;
      const waiting = await close(asker, 1);
      await scene.approve(await close(asker, 2));
      const open = async () =>
        (await approver.call('GET', '/v1/approvals')).body.data
          .map(({ state }: { state: string }) => state)
          .filter((state: string) => state !== 'used');
      const endKey = (id: string) =>
        scene.rows(
          `UPDATE api_key SET ${end} = clock_timestamp() WHERE tenant_id = $1 AND key_id = '${id}'`,
        );

      await endKey(asker.keyId);
      expect(await open()).toEqual(['approved', 'requested']);
      await endKey(successor);
      expect(await open()).toEqual(['expired', 'expired']);
      expect(outcome(await decide(approver, waiting.body.approval_id))).toBe('approval_decided');
    },
  );
});

describe('a changed BOOTSTRAP_API_KEY', () => {
  it.each(['live', 'revoked'])('stands for none of what the key before it did: %s', async (was) => {
    const tenants = test.app.get(TenantService);
    const setKey = async () => {
      const text = `bootstrap-${randomUUID()}`;
      await tenants.ensureDefaultTenant({ BOOTSTRAP_API_KEY: text });
      return {
        keyId: 'bootstrap',
        call: (...request) => call(test.url, text, ...request),
      } as Person;
    };
    const { tenantId } = (await tenants.byName('default'))!;
    const inTenant = (sql: string) => test.pool.query(sql, [tenantId]);
    await inTenant('DELETE FROM approval_policy WHERE tenant_id = $1');
    await inTenant('DELETE FROM approval WHERE tenant_id = $1');
    const before = await setKey();
    const { text } = await test.app.get(ApiKeyService).create(tenantId, 'other', SCOPES);
    const other: Person = { keyId: '', call: (...request) => call(test.url, text, ...request) };
    const policy = { commands: ['period.close'] };
    expect((await before.call('PUT', '/v1/approval-policy', policy)).status).toBe(200);
    await close(before, 1);
    const approved = await close(other, 2);
    expect((await decide(before, approved.body.approval_id)).status).toBe(200);
    const waiting = await close(other, 3);
    if (was === 'revoked') {
      await inTenant(
        `UPDATE api_key SET revoked_at = clock_timestamp()
          WHERE tenant_id = $1 AND key_id = 'bootstrap'`,
      );
    }

    const after = await setKey();
    const { data } = (await after.call('GET', '/v1/approvals')).body;
    expect(data.map(({ state }: { state: string }) => state)).toEqual([
      'requested',
      'expired',
      'expired',
    ]);
    expect(outcome(await decide(after, waiting.body.approval_id))).toBe('approval_key_too_new');
    expect(outcome(await close(other, 2))).toBe('approval_required');
    const next = await close(other, 4);
    expect((await decide(after, next.body.approval_id)).status).toBe(200);
    expect((await close(other, 4)).status).toBe(200);
  });
});
