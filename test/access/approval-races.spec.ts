import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApprovalTimer } from '../../src/access/approval/approval.timer.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { fourEyes, outcome, type FourEyes } from './four-eyes.js';

const ROUNDS = 20;
const NEW_KEY = ['POST', '/v1/api-keys', { name: 'made', scopes: ['usage:read'] }] as const;
const CLOSE = ['POST', '/v1/period-closes', { as_of: '2026-01-01T00:00:00Z' }] as const;

let test: TestApp;
beforeAll(async () => {
  test = await startTestApp();
});
afterAll(() => test[Symbol.asyncDispose]());

async function keysMade(scene: FourEyes): Promise<number> {
  return (await scene.rows(`SELECT FROM api_key WHERE tenant_id = $1 AND name = 'made'`)).length;
}

async function statesOf(scene: FourEyes): Promise<string[]> {
  const rows = await scene.rows<{ state: string }>(
    'SELECT state FROM approval WHERE tenant_id = $1 ORDER BY created_at',
  );
  return rows.map(({ state }) => state);
}

describe('requests at the same moment', () => {
  it('with one approval run one command', async () => {
    const scene = await fourEyes(test, ['period.close']);
    for (let round = 1; round <= ROUNDS; round++) {
      const headers: Record<string, string> =
        round % 2 === 0 ? {} : { 'idempotency-key': randomUUID() };
      const send = () => scene.asker.call(...NEW_KEY, headers);
      await scene.approve(await send());
      const outcomes = (await Promise.all([send(), send(), send()])).map((answer) =>
        answer.headers.get('idempotency-replayed') === 'true' ? 'replayed' : outcome(answer),
      );

      expect(outcomes.filter((each) => each === 201)).toHaveLength(1);
      const others =
        round % 2 === 0
          ? ['approval_used', 'approval_required']
          : ['replayed', 'idempotency_key_in_use'];
      const odd = outcomes.filter((each) => each !== 201 && !others.includes(String(each)));
      expect(odd).toEqual([]);
      expect(await keysMade(scene)).toBe(round);
    }
    const states = await statesOf(scene);
    expect(states.filter((state) => state === 'used')).toHaveLength(ROUNDS);
    expect(states).not.toContain('approved');
  });

  it('that are the same, and from keys of one line, ask for one approval', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const { asker } = scene;
    const rotate = () =>
      asker.call('POST', `/v1/api-keys/${asker.keyId}/rotations`, { overlap_seconds: 3_600 });
    await scene.approve(await rotate());
    const successor = scene.personOf((await rotate()).body.key as string);
    const askers = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? asker : successor));
    const answers = await Promise.all(askers.map((person) => person.call(...CLOSE)));

    expect(new Set(answers.map(outcome))).toEqual(new Set(['approval_required']));
    expect(new Set(answers.map(({ body }) => body.approval_id)).size).toBe(1);
    expect(await statesOf(scene)).toEqual(['used', 'requested']);
    const audited = await asker.call('GET', '/v1/audit-entries?action=approval.requested');
    expect(audited.body.data).toHaveLength(2);
  });

  it('of which one refuses and one approves are one decision', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const asked = await scene.asker.call(...CLOSE);
    const path = `/v1/approvals/${asked.body.approval_id as string}/decisions`;
    const decisions = await Promise.all(
      ['approve', 'refuse', 'approve', 'refuse'].map((decision) =>
        scene.approver.call('POST', path, { decision, reason: 'at once' }),
      ),
    );

    expect(decisions.map(outcome).toSorted()).toEqual([
      200,
      'approval_decided',
      'approval_decided',
      'approval_decided',
    ]);
  });
});

/** Cuts off the session that waits for a lock, once there is one. */
async function cutWaiting(): Promise<void> {
  for (;;) {
    const { rows } = await test.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
    await sleep(20);
  }
}

describe('a command that is cut off at work', () => {
  it.each([
    ['under a key keeps its approval', { 'idempotency-key': 'cut' }, 'approved', 200],
    ['without one has used it', {}, 'used', 'approval_required'],
  ])('%s', async (_, headers: Record<string, string>, state, next) => {
    const scene = await fourEyes(test, ['period.close']);
    const send = () => scene.asker.call(...CLOSE, headers);
    await scene.approve(await send());
    const holder = await test.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM tenant WHERE tenant_id = $1 FOR UPDATE', [scene.tenantId]);
      const cut = send();
      await cutWaiting();
      expect((await cut).status).toBeGreaterThanOrEqual(500);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }

    expect(await statesOf(scene)).toEqual([state]);
    expect(await scene.rows('SELECT FROM period_close WHERE tenant_id = $1')).toEqual([]);
    expect(outcome(await send())).toBe(next);
  });
});

describe('an approval that a command is at work with', () => {
  it('is waited for by nobody who asks, nor by those who clear, though its time is over', async () => {
    const scene = await fourEyes(test, ['period.close']);
    const ask = (year: number) =>
      scene.asker.call(CLOSE[0], CLOSE[1], { as_of: `${year}-01-01T00:00:00Z` });
    const timer = test.app.get(ApprovalTimer);
    await scene.approve(await ask(2024));
    await ask(2025);
    await scene.rows(
      `UPDATE approval SET expires_at = expires_at - interval '40 days',
              created_at = created_at - interval '40 days' WHERE tenant_id = $1`,
    );
    const holder = await test.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(
        `SELECT FROM approval WHERE tenant_id = $1 AND state = 'approved' FOR UPDATE`,
        [scene.tenantId],
      );
      expect(outcome(await ask(2026))).toBe('approval_required');
      expect(outcome(await ask(2024))).toBe('approval_used');
      await Promise.all([timer.round(), timer.round(), timer.round()]);
      expect(await statesOf(scene)).toEqual(['approved', 'requested']);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }

    await timer.round();
    expect(await statesOf(scene)).toEqual(['requested']);
    expect(outcome(await ask(2024))).toBe('approval_required');
  });
});
