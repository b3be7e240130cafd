import { changeStatus } from '../../src/outbox/change-status.store.js';
import type { PushScene } from './push-scene.js';

/** Has a push that was delivered confirmed or disputed. */
export async function changePush(
  scene: PushScene,
  identifier: string,
  to: 'confirmed' | 'disputed',
): Promise<void> {
  const [push] = await scene.db.work.query<{ transitionNo: number }>(
    'SELECT transition_no AS "transitionNo" FROM push WHERE identifier = $1',
    [identifier],
  );
  await scene.db.work.transaction((tx) =>
    changeStatus(tx, scene.tenantId, {
      identifier,
      transitionNo: push!.transitionNo,
      from: 'delivered',
      to,
      reason: 'reported',
      by: 'reading',
      replaced: false,
      at: Date.now() * 1_000,
    }),
  );
}
