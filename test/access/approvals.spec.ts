import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApprovalTimer } from '../../src/access/approval/approval.timer.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';
import { decide, fourEyes, outcome, type FourEyes, type Person } from './four-eyes.js';

let test: TestApp;
beforeAll(async () => {
  test = await startTestApp();
});
afterAll(() => test[Symbol.asyncDispose]());

const CLOSE = ['POST', '/v1/period-closes', { as_of: '2026-01-01T00:00:00Z' }] as const;
const METER = { aggregation: 'sum', unit: 'tokens', push: 'off' };

async function count(scene: FourEyes, table: string): Promise<number> {
  const [row] = await scene.rows<{ n: number }>(
    `SELECT count(*)::int AS n FROM ${table} WHERE tenant_id = $1`,
  );
  return row!.n;
}

function stateOf(by: Person, { body }: Answer): Promise<string> {
  return by
    .call('GET', `/v1/approvals/${body.approval_id as string}`)
    .then((answer) => (answer.body as { state: string }).state);
}

async function audited(by: Person, action: string): Promise<any[]> {
  return (await by.call('GET', `/v1/audit-entries?action=${action}`)).body.data;
}

describe('a command under four eyes', () => {
  it.each([
    ['POST', '/v1/period-closes', CLOSE[2], 'period_close', 'period.close', 200],
    ['PUT', '/v1/meters/tokens', METER, 'meter', 'meter.change', 201],
  ])('%s %s runs once for each approval', async (method, path, body, table, command, status) => {
    const scene = await fourEyes(test, [command]);
    const send = () => scene.asker.call(method, path, body);
    const refused = await send();

    expect(refused).toMatchObject({
      status: 409,
      body: {
        code: 'approval_required',
        approval_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        expires_at: expect.stringMatching(/Z$/),
      },
    });
    expect((await send()).body.approval_id).toBe(refused.body.approval_id);
    expect(await count(scene, table)).toBe(0);

    const [listed] = (await scene.approver.call('GET', '/v1/approvals?state=requested')).body.data;
    const id = refused.body.approval_id as string;
    expect(listed).toMatchObject({ id, command, state: 'requested' });
    expect(listed).not.toHaveProperty('request');
    const shown = (await scene.approver.call('GET', `/v1/approvals/${id}`)).body;
    expect(shown).toEqual({ ...listed, request: expect.anything() });
    expect(shown).toMatchObject({
      id,
      command,
      scope: 'billing:write',
      request: { body, hidden_members: [], idempotency_key: null },
      requested_by: scene.asker.keyId,
      decided_by: null,
    });
    await scene.approve(refused);
    expect(await stateOf(scene.asker, refused)).toBe('approved');
    expect((await send()).status).toBe(status);
    expect(await count(scene, table)).toBe(1);
    expect(await stateOf(scene.asker, refused)).toBe('used');

    const again = await send();
    expect(outcome(again)).toBe('approval_required');
    expect(again.body.approval_id).not.toBe(refused.body.approval_id);
  });

  it('deletes under an approval too', async () => {
    const scene = await fourEyes(test, ['meter.archive']);
    await scene.asker.call('PUT', '/v1/meters/tokens', METER);
    const remove = () => scene.asker.call('DELETE', '/v1/meters/tokens');
    const refused = await remove();

    expect(outcome(refused)).toBe('approval_required');
    await scene.approve(refused);
    expect((await remove()).status).toBe(204);
  });

  it('is answered under its idempotency key as ever, once it was done', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const headers = { 'idempotency-key': randomUUID() };
    const send = () => scene.asker.call(...CLOSE, headers);
    const refused = await send();
    expect([outcome(refused), outcome(await send())]).toEqual([
      'approval_required',
      'approval_required',
    ]);
    await scene.approve(refused);
    const done = await send();
    const replayed = await send();

    expect([done.status, replayed.status]).toEqual([200, 200]);
    expect(replayed.headers.get('idempotency-replayed')).toBe('true');
    expect(replayed.body).toEqual(done.body);
    expect(await count(scene, 'period_close')).toBe(1);
    // Without the key, or under another, it is another request.
    for (const other of [{}, { 'idempotency-key': randomUUID() }]) {
      expect(outcome(await scene.asker.call(...CLOSE, other))).toBe('approval_required');
    }
    expect(outcome(await scene.asker.call('POST', CLOSE[1], {}, headers))).toBe(
      'idempotency_key_reused',
    );
  });

  it('leaves its approval unused where it is refused, and is answered that again', async () => {
    const scene = await fourEyes(test, ['push.resolve']);
    const headers = { 'idempotency-key': randomUUID() };
    const body = { as: 'delivered', reason: 'seen at Stripe' };
    const path = `/v1/pushes/${randomUUID()}/resolutions`;
    const send = () => scene.asker.call('POST', path, body, headers);
    const refused = await send();
    await scene.approve(refused);

    expect(outcome(await send())).toBe('push_not_found');
    expect((await send()).headers.get('idempotency-replayed')).toBe('true');
    expect(await stateOf(scene.asker, refused)).toBe('approved');
  });

  it('is one for the body, the query and the path that were approved', async () => {
    const scene = await fourEyes(test, ['meter.change']);
    await scene.approve(await scene.asker.call('PUT', '/v1/meters/tokens', METER));

    const others: [string, object][] = [
      ['/v1/meters/tokens', { ...METER, unit: 'calls' }],
      ['/v1/meters/calls', METER],
      ['/v1/meters/tokens?force=1', METER],
    ];
    for (const [path, body] of others) {
      expect(outcome(await scene.asker.call('PUT', path, body))).toBe('approval_required');
    }
    expect(await count(scene, 'meter')).toBe(0);
    const reordered = { push: 'off', unit: 'tokens', aggregation: 'sum' };
    expect((await scene.asker.call('PUT', '/v1/meters/tokens', reordered)).status).toBe(201);
  });

  it('asks nobody about what breaks a rule of form, or changes nothing', async () => {
    const scene = await fourEyes(test, [
      'meter.change',
      'period.close',
      'usage_event.void',
      'replay.apply',
      'reconciliation.repair',
    ]);
    const { asker } = scene;
    expect(outcome(await asker.call('PUT', '/v1/meters/tokens', { unit: 7 }))).toBe(
      'validation_failed',
    );
    const dry = { filter: { customer_id: 'acme' }, reason: 'wrong', dry_run: true };
    expect((await asker.call('POST', '/v1/voids', dry)).status).not.toBe(409);
    const rehearsal = await asker.call(CLOSE[0], CLOSE[1], { ...CLOSE[2], dry_run: true });
    expect(rehearsal).toMatchObject({ status: 200, body: { status: 'dry_run' } });
    for (const dryRun of [null, 'true', 1]) {
      const close = await asker.call(CLOSE[0], CLOSE[1], { ...CLOSE[2], dry_run: dryRun });
      expect(outcome(close)).toBe('validation_failed');
    }
    const wetClose = await asker.call(CLOSE[0], CLOSE[1], { ...CLOSE[2], dry_run: false });
    expect(outcome(wetClose)).toBe('approval_required');
    expect(await count(scene, 'period_close')).toBe(0);
    expect((await asker.call('POST', '/v1/replays', { mode: 'verify' })).status).toBeLessThan(300);
    const repair = (body?: object) =>
      asker.call('POST', `/v1/reconciliations/${randomUUID()}/repairs`, body);
    expect((await repair()).status).toBe(404);
    expect((await repair({})).status).toBe(404);
    expect(outcome(await repair({ dry_run: false }))).toBe('approval_required');
    const wet = { ...dry, dry_run: false };
    expect(outcome(await asker.call('POST', '/v1/voids', wet))).toBe('approval_required');
    const { data } = (await asker.call('GET', '/v1/approvals?state=requested')).body;
    expect(data.map((each: { command: string }) => each.command)).toEqual([
      'usage_event.void',
      'reconciliation.repair',
      'period.close',
    ]);
  });

  it('cannot be a stream, which nobody could read', async () => {
    const scene = await fourEyes(test, ['customer.change']);
    const type = { 'content-type': 'application/x-ndjson' };
    const answer = await scene.asker.call('PUT', '/v1/customers', '{"customer_id":"a"}\n', type);

    expect(outcome(answer)).toBe('approval_not_possible');
    expect(await count(scene, 'customer')).toBe(0);
  });

  it('is told by the audit: who asked, who approved and why, and what was done', async () => {
    const scene = await fourEyes(test, ['meter.change', 'period.close']);
    const { asker, approver } = scene;
    const keyed = { 'idempotency-key': randomUUID() };
    const refused = await asker.call('PUT', '/v1/meters/tokens', METER);
    await scene.approve(refused);
    await asker.call('PUT', '/v1/meters/tokens', METER);
    const close = await asker.call(...CLOSE, keyed);
    await scene.approve(close);
    await asker.call(...CLOSE, keyed);
    await asker.call(...CLOSE, keyed);

    const id = refused.body.approval_id as string;
    const trail = (await asker.call('GET', `/v1/audit-entries?subject=approval:${id}&order=oldest`))
      .body.data;
    expect(trail).toMatchObject([
      { action: 'approval.requested', actor: { id: asker.keyId } },
      { action: 'approval.approved', actor: { id: approver.keyId }, reason: 'looked at it' },
      { action: 'approval.used', actor: { id: asker.keyId }, after: { command: 'meter.change' } },
    ]);
    const [made] = await audited(asker, 'meter.created');
    expect(made.after.approval).toEqual({ id, approved_by: approver.keyId });
    const uses = await audited(asker, 'approval.used');
    expect(uses.map(({ after }) => after.command).toSorted()).toEqual([
      'meter.change',
      'period.close',
    ]);
  });
});

describe('an approval', () => {
  it('is given by nobody who asked for it, came later or could not do it', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const { asker, approver } = scene;
    const blind = await scene.newKey(['usage:read', 'admin']);
    const deaf = await scene.newKey(['billing:write', 'admin']);
    // Made while they could still be made by one.
    const refused = await asker.call(...CLOSE);
    const id = refused.body.approval_id as string;
    const later = await scene.newKey();
    const other = await fourEyes(test, ['period.close']);

    expect(await decide(asker, id)).toMatchObject({
      status: 403,
      body: { code: 'approval_by_requester' },
    });
    expect(outcome(await decide(later, id))).toBe('approval_key_too_new');
    expect(outcome(await decide(blind, id))).toBe('insufficient_scope');
    expect(outcome(await decide(deaf, id))).toBe('insufficient_scope');
    expect(outcome(await decide(other.approver, id))).toBe('approval_not_found');
    expect(outcome(await other.approver.call('GET', `/v1/approvals/${id}`))).toBe(
      'approval_not_found',
    );
    expect((await other.approver.call('GET', '/v1/approvals')).body.data).toEqual([]);
    expect(outcome(await blind.call('GET', `/v1/approvals/${id}`))).toBe('insufficient_scope');
    expect((await blind.call('GET', '/v1/approvals')).body.data).toEqual([]);
    expect(outcome(await decide(approver, randomUUID()))).toBe('approval_not_found');
    expect(outcome(await decide(approver, 'none'))).toBe('approval_not_found');
    expect(await stateOf(approver, refused)).toBe('requested');
    expect((await decide(approver, id)).status).toBe(200);
    expect(outcome(await decide(approver, id))).toBe('approval_decided');
    // What one asks for, the other cannot send.
    const others = await approver.call(...CLOSE);
    expect(others.body.approval_id).not.toBe(id);
  });

  it('is given by no key rotated from or to the one that asked, and used by its successor', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const { asker, approver } = scene;
    const rotate = () =>
      asker.call('POST', `/v1/api-keys/${asker.keyId}/rotations`, { overlap_seconds: 3_600 });
    const before = await asker.call(...CLOSE);
    await scene.approve(await rotate());
    const successor = scene.personOf((await rotate()).body.key as string);

    expect(outcome(await decide(successor, before.body.approval_id))).toBe('approval_by_requester');
    // The successor asks for the same: it is the same.
    const after = await successor.call(...CLOSE);
    expect(after.body.approval_id).toBe(before.body.approval_id);
    const meter = await successor.call('POST', CLOSE[1], { as_of: '2026-02-01T00:00:00Z' });
    expect(outcome(await decide(asker, meter.body.approval_id))).toBe('approval_by_requester');
    expect((await decide(approver, after.body.approval_id)).status).toBe(200);
    expect((await successor.call(...CLOSE)).status).toBe(200);
    expect(outcome(await asker.call(...CLOSE))).toBe('approval_required');
  });

  it('may be refused, and asked for again', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const refused = await scene.asker.call(...CLOSE);
    const answer = await decide(scene.approver, refused.body.approval_id, 'refuse');

    expect(answer.body).toMatchObject({
      state: 'refused',
      decided_by: scene.approver.keyId,
      reason: 'looked at it',
    });
    expect(answer.body).not.toHaveProperty('request');
    expect(outcome(await decide(scene.approver, refused.body.approval_id))).toBe(
      'approval_decided',
    );
    const again = await scene.asker.call(...CLOSE);
    expect(again.body.approval_id).not.toBe(refused.body.approval_id);
    expect(await count(scene, 'period_close')).toBe(0);
  });

  it.each(['before it was decided', 'after it was approved'])('expires %s', async (when) => {
    const scene = await fourEyes(test, ['period.close']);
    const refused = await scene.asker.call(...CLOSE);
    if (when.startsWith('after')) await scene.approve(refused);
    await scene.rows('UPDATE approval SET expires_at = clock_timestamp() WHERE tenant_id = $1');

    expect(await stateOf(scene.approver, refused)).toBe('expired');
    const listed = await scene.approver.call('GET', '/v1/approvals?state=expired');
    expect(listed.body.data).toHaveLength(1);
    expect(outcome(await decide(scene.approver, refused.body.approval_id))).toBe(
      'approval_decided',
    );
    const again = await scene.asker.call(...CLOSE);
    expect(outcome(again)).toBe('approval_required');
    expect(again.body.approval_id).not.toBe(refused.body.approval_id);
    expect(await count(scene, 'period_close')).toBe(0);
  });

  it('falls with the key that gave it', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const { asker, approver } = scene;
    const third = await scene.newKey();
    const ways = [{}, { 'idempotency-key': randomUUID() }];
    for (const headers of ways) {
      await scene.approve(await asker.call(...CLOSE, headers));
    }
    const off = await asker.call('PUT', '/v1/approval-policy', { commands: [] });
    expect((await decide(third, off.body.approval_id)).status).toBe(200);
    expect((await third.call('DELETE', `/v1/api-keys/${approver.keyId}`)).status).toBe(204);

    expect((await third.call('GET', '/v1/approvals?state=expired')).body.data).toHaveLength(2);
    for (const headers of ways) {
      const again = await asker.call(...CLOSE, headers);
      expect(outcome(again)).toBe('approval_required');
      expect((await decide(third, again.body.approval_id)).status).toBe(200);
      expect((await asker.call(...CLOSE, headers)).status).toBe(200);
    }
    expect((await asker.call('PUT', '/v1/approval-policy', { commands: [] })).status).toBe(200);
  });

  it('waits with at most 99 others, and is forgotten after 30 days', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const ask = (day: number) =>
      scene.asker.call('POST', CLOSE[1], {
        as_of: new Date(Date.UTC(2025, 0, day)).toISOString(),
      });
    for (let day = 1; day <= 100; day++) expect(outcome(await ask(day))).toBe('approval_required');
    expect(outcome(await ask(101))).toBe('approvals_full');
    expect(outcome(await ask(100))).toBe('approval_required');

    await scene.rows(
      `UPDATE approval SET created_at = created_at - interval '31 days',
              expires_at = expires_at - interval '31 days' WHERE tenant_id = $1`,
    );
    expect(outcome(await ask(101))).toBe('approval_required');
    expect(await count(scene, 'approval')).toBe(1);
    await scene.rows(
      `UPDATE approval SET created_at = created_at - interval '31 days' WHERE tenant_id = $1`,
    );
    await test.app.get(ApprovalTimer).round();
    expect(await count(scene, 'approval')).toBe(0);
  });

  it('shows no secret of Stripe, and keeps none', async () => {
    const scene = await fourEyes(test, ['stripe_account.change']);
    const secrets = {
      secret_key: 'sk_test_FourEyesSecret0123456789',
      webhook_secrets: ['whsec_FourEyesSecret0123456789'],
    };
    const body = { ...secrets, stripe_account: 'acct_1' };
    const refused = await scene.asker.call('PUT', '/v1/stripe-account', body);
    const shown = await scene.approver.call('GET', `/v1/approvals/${refused.body.approval_id}`);

    expect(shown.body.request.body).toEqual({ stripe_account: 'acct_1' });
    expect(shown.body.request.hidden_members).toEqual(['secret_key', 'webhook_secrets']);
    const kept = await scene.rows<{ text: string }>(
      `SELECT (SELECT string_agg(to_jsonb(a)::text, '') FROM approval a WHERE tenant_id = $1)
           || (SELECT string_agg(to_jsonb(e)::text, '') FROM audit_entry e WHERE tenant_id = $1)
           AS text`,
    );
    expect(kept[0]!.text).not.toContain('FourEyesSecret');
    const changed = { ...body, secret_key: 'sk_test_FourEyesSecret987654321' };
    const other = await scene.asker.call('PUT', '/v1/stripe-account', changed);
    expect(other.body.approval_id).not.toBe(refused.body.approval_id);
  });
});
