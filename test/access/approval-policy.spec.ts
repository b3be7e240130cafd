import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES, type Scope } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { call, startTestApp, type TestApp } from '../support/app.js';
import { decide, fourEyes, outcome } from './four-eyes.js';

let test: TestApp;
beforeAll(async () => {
  test = await startTestApp();
});
afterAll(() => test[Symbol.asyncDispose]());

/** A tenant with keys of these scopes; what is sent is sent with the first. */
async function tenantWith(...keys: readonly (readonly Scope[])[]) {
  const tenantId = await test.app.get(TenantService).create(randomUUID());
  const texts: string[] = [];
  for (const scopes of keys) {
    texts.push((await test.app.get(ApiKeyService).create(tenantId, 'a key', scopes)).text);
  }
  return (method: string, path: string, body?: unknown) =>
    call(test.url, texts[0]!, method, path, body);
}

async function someoneWaits(): Promise<void> {
  for (;;) {
    const { rows } = await test.pool.query(
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
    await sleep(20);
  }
}

describe('a policy of approvals', () => {
  it('is empty until it is set, and nothing needs one', async () => {
    const send = await tenantWith(SCOPES);
    expect((await send('GET', '/v1/approval-policy')).body).toEqual({ commands: [], always: [] });
    expect((await send('POST', '/v1/period-closes', {})).status).toBe(200);
    expect((await send('POST', '/v1/api-keys', { name: 'a', scopes: ['admin'] })).status).toBe(201);
    expect((await send('PUT', '/v1/approval-policy', { commands: [] })).status).toBe(200);
    expect(outcome(await send('PUT', '/v1/approval-policy', { commands: ['all'] }))).toBe(
      'validation_failed',
    );
  });

  it('is not set where one key alone could approve, however often it was rotated', async () => {
    const send = await tenantWith(SCOPES);
    const [{ id }] = (await send('GET', '/v1/api-keys')).body.data;
    await send('POST', `/v1/api-keys/${id as string}/rotations`, { overlap_seconds: 3_600 });
    const set = await send('PUT', '/v1/approval-policy', { commands: ['period.close'] });

    expect(set).toMatchObject({ status: 409, body: { code: 'approvers_missing', scope: 'admin' } });
    expect(set.body.detail).toContain('only one live key');
    expect((await send('POST', '/v1/period-closes', {})).status).toBe(200);
  });

  it.each<[Scope, readonly Scope[]]>([
    ['usage:adjust', ['admin', 'usage:read', 'billing:write']],
    ['admin', ['usage:adjust', 'usage:read', 'billing:write']],
    // Whoever cannot look at it cannot approve it.
    ['admin', ['admin', 'usage:adjust']],
  ])('is not set where only one key has %s: the other has %j', async (scope, scopes) => {
    const send = await tenantWith(SCOPES, scopes);
    const set = await send('PUT', '/v1/approval-policy', { commands: ['usage_event.void'] });

    expect(set).toMatchObject({ status: 409, body: { code: 'approvers_missing', scope } });
  });

  it('is neither changed nor got around by one key', async () => {
    const { asker, approver, rows } = await fourEyes(test, ['period.close']);
    const off = () => asker.call('PUT', '/v1/approval-policy', { commands: [] });
    const newKey = { name: 'mine', scopes: SCOPES };
    for (const refused of [
      await off(),
      await asker.call('PUT', '/v1/approval-policy', { commands: ['meter.change'] }),
      await asker.call('POST', '/v1/api-keys', newKey),
      await asker.call('POST', `/v1/api-keys/${approver.keyId}/rotations`, {}),
      await asker.call('POST', '/v1/period-closes', {}),
    ]) {
      expect(outcome(refused)).toBe('approval_required');
      expect(outcome(await decide(asker, refused.body.approval_id))).toBe('approval_by_requester');
    }
    expect(await rows('SELECT key_id FROM api_key WHERE tenant_id = $1')).toHaveLength(2);
    expect((await asker.call('GET', '/v1/approval-policy')).body).toEqual({
      commands: ['period.close'],
      always: ['approval_policy.change', 'api_key.create', 'api_key.rotate'],
    });

    const asked = await off();
    expect((await decide(approver, asked.body.approval_id)).status).toBe(200);
    expect((await off()).body).toEqual({ commands: [], always: [] });
    expect((await asker.call('POST', '/v1/period-closes', {})).status).toBe(200);
    const audited = await asker.call('GET', '/v1/audit-entries?action=approval_policy.changed');
    expect(audited.body.data).toMatchObject([
      {
        before: { commands: ['period.close'] },
        after: {
          commands: [],
          approval: { id: asked.body.approval_id, approved_by: approver.keyId },
        },
      },
      { before: { commands: [] }, after: { commands: ['period.close'] } },
    ]);
  });

  it('asks for nothing once it has ceased to name the command', async () => {
    const { asker, tenantId, rows } = await fourEyes(test, ['period.close']);
    const holder = await test.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(
        `UPDATE approval_policy SET commands = '{meter.change}' WHERE tenant_id = $1`,
        [tenantId],
      );
      const sent = asker.call('POST', '/v1/period-closes', {});
      await someoneWaits();
      await holder.query('COMMIT');
      expect((await sent).status).toBe(200);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    expect(await rows('SELECT FROM approval WHERE tenant_id = $1')).toEqual([]);
    expect(
      (await asker.call('GET', '/v1/audit-entries?action=approval.requested')).body.data,
    ).toEqual([]);
  });

  it('takes with it what was open of a command that it ceases to name', async () => {
    const { asker, approver, approve } = await fourEyes(test, ['period.close', 'meter.change']);
    const close = (year: number) =>
      asker.call('POST', '/v1/period-closes', { as_of: `${year}-01-01T00:00:00Z` });
    const set = async (...commands: string[]) => {
      const put = () => asker.call('PUT', '/v1/approval-policy', { commands });
      await approve(await put());
      expect((await put()).status).toBe(200);
    };
    const states = async () =>
      (await approver.call('GET', '/v1/approvals')).body.data
        .filter(({ command }: { command: string }) => command !== 'approval_policy.change')
        .map(({ state }: { state: string }) => state);
    await asker.call('PUT', '/v1/meters/tokens', { aggregation: 'sum', unit: 't', push: 'off' });
    await approve(await close(2024));
    await close(2025);
    expect(await states()).toEqual(['requested', 'approved', 'requested']);

    await set('meter.change');
    expect(await states()).toEqual(['expired', 'expired', 'requested']);
    await set('meter.change', 'period.close');
    expect(outcome(await close(2024))).toBe('approval_required');

    const key = { name: 'mine', scopes: SCOPES };
    await approve(await asker.call('POST', '/v1/api-keys', key));
    await set();
    expect(new Set(await states())).toEqual(new Set(['expired']));
    expect(
      (await asker.call('PUT', '/v1/approval-policy', { commands: ['period.close'] })).status,
    ).toBe(200);
    expect(outcome(await asker.call('POST', '/v1/api-keys', key))).toBe('approval_required');
  });

  it('stays on once it was set, whatever is sent at that moment', async () => {
    for (let round = 0; round < 10; round++) {
      const send = await tenantWith(SCOPES, SCOPES);
      const set = (commands: string[]) => send('PUT', '/v1/approval-policy', { commands });
      await Promise.all([set(['period.close']), set([]), set(['period.close']), set([])]);
      expect((await set([])).body.code).toBe('approval_required');
    }
  });
});
