import { describe, expect, it } from 'vitest';
import { violatedConstraint } from '../../src/database/connections.js';
import { PUSH_STATUSES, PUSH_WAYS } from '../../src/outbox/push-status.js';
import { due, only } from './due-push.js';
import type { PushScene } from './push-scene.js';

const STATUSES = PUSH_STATUSES;

async function violated(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => violatedConstraint(error),
  );
}

/** A transition without a push: its own checks and the chain are what holds. */
async function insertTransition(
  scene: PushScene,
  { no, from, to }: { no: number; from: string | null; to: string },
): Promise<void> {
  await scene.db.work.query(
    `INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status,
                                  reason) VALUES ($1, 'co1_way', $2, $3, $4, 'test')`,
    [scene.tenantId, no, from, to],
  );
}

describe('the database', () => {
  it('knows the same ways as the code, and no other', async () => {
    await using scene = await due();
    for (const from of ['none', ...STATUSES] as const) {
      for (const to of STATUSES) {
        const way = { no: from === 'none' ? 1 : 2, from: from === 'none' ? null : from, to };
        const constraint = await violated(insertTransition(scene, way));
        const isRefused = constraint === 'push_transition_way_check';
        expect({ from, to, isRefused }).toEqual({
          from,
          to,
          isRefused: !PUSH_WAYS[from].includes(to),
        });
        await scene.db.work.query(`DELETE FROM push_transition WHERE identifier = 'co1_way'`);
      }
    }
  });

  it('lets no transition begin where the one before it did not end', async () => {
    await using scene = await due();
    await insertTransition(scene, { no: 1, from: null, to: 'pending' });
    const skipping = insertTransition(scene, { no: 2, from: 'sending', to: 'delivered' });
    expect(await violated(skipping)).toBe('push_transition_previous_fkey');
  });

  it('lets no push change its status without a transition', async () => {
    await using scene = await due();
    const { identifier } = await only(scene);
    const change = scene.db.work.query(
      `UPDATE push SET status = 'rejected', settled_by = 'answer', next_attempt_at = NULL
        WHERE tenant_id = $1 AND identifier = $2`,
      [scene.tenantId, identifier],
    );
    expect(await violated(change)).toBe('push_transition_fkey');
  });

  it('lets no answer reject what was unknown once', async () => {
    await using scene = await due();
    const change = scene.db.work.query(
      `UPDATE push SET status = 'rejected', settled_by = 'answer', unknown_attempts = 1
        WHERE tenant_id = $1`,
      [scene.tenantId],
    );
    expect(await violated(change)).toBe('push_rejected_check');
  });

  it('lets nothing wait as never sent that may have been counted', async () => {
    await using scene = await due();
    const change = scene.db.work.query(
      `UPDATE push SET unknown_attempts = 1 WHERE tenant_id = $1`,
      [scene.tenantId],
    );
    expect(await violated(change)).toBe('push_pending_check');
  });
});
