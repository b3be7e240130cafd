import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/domain/instant.js';
import { PushResolutionService } from '../../src/push/push-resolution.service.js';
import { queueOverdue } from '../../src/push/push-reading.store.js';
import { putFirst } from '../../src/push/push-order.store.js';
import { settlePushes } from '../../src/push/push-settle.store.js';
import { settle } from '../../src/push/push-settlement.js';
import { claimWork } from '../../src/push/push-work.store.js';
import { withdrawOutdated } from '../../src/push/unsendable-pushes.store.js';
import { due, fault, NOVEMBER, only, sendAll } from './due-push.js';
import type { PushScene } from './push-scene.js';

const PERIOD = { customerNo: 1, meterNo: 1, periodStart: parseInstant(NOVEMBER)! };
const LATER = parseInstant('2027-03-01T00:00:00Z')!;

type Change = (scene: PushScene) => Promise<unknown>;

/** Claims the only push, and has it come back to waiting. */
async function claimed(scene: PushScene): Promise<Change> {
  const { accounts, claimer } = scene.process();
  const account = (await accounts.of(scene.tenantId))!;
  const claim = await claimer.claim(scene.tenantId, account, false);
  if (claim === undefined || 'waitMs' in claim) throw new Error('nothing was claimed');
  const [push] = claim.pushes;
  const settlement = settle(push!, { kind: 'refused', code: 'archived_meter', message: '' }, 0);
  return ({ db, tenantId }) => settlePushes(db.work, tenantId, [{ push: push!, settlement }]);
}

async function unknown(scene: PushScene): Promise<void> {
  fault(scene, 'lostResponse');
  await scene.process().sender.send(scene.tenantId);
}

const CHANGES: readonly [string, 'sum' | 'last', (scene: PushScene) => Promise<Change>, object][] =
  [
    ['settles an answer', 'sum', claimed, { status: 'rejected', reason: 'archived_meter' }],
    [
      'takes back what is too old',
      'sum',
      async () => (scene) =>
        scene.db.work.transaction((tx) =>
          withdrawOutdated(tx, scene.tenantId, { time: LATER, ofTenant: LATER }),
        ),
      { status: 'rejected', reason: 'too_old' },
    ],
    [
      'settles an unknown push by hand',
      'sum',
      async (scene) => {
        await unknown(scene);
        const { identifier } = await only(scene);
        return ({ db, tenantId }) =>
          new PushResolutionService(db).resolve(tenantId, identifier, {
            as: 'not_delivered',
            reason: 'it is not there',
          });
      },
      { status: 'rejected' },
    ],
    [
      'leaves an unknown total to be told anew',
      'last',
      async (scene) => {
        await unknown(scene);
        return ({ db, tenantId }) =>
          db.work.transaction((tx) => queueOverdue(tx, tenantId, LATER, 60, 10));
      },
      { status: 'unknown' },
    ],
  ];

describe('who plans the close of a period', () => {
  it.each(CHANGES)('never waits for who %s of it', async (_, formula, prepare, afterwards) => {
    await using scene = await due({}, {}, formula);
    const { db, tenantId } = scene;
    const change = await prepare(scene);
    await scene.close(NOVEMBER, '10');
    let changed: Promise<unknown> | undefined;
    await db.work.transaction(async (tx) => {
      expect(await claimWork(tx, tenantId, [PERIOD])).toEqual([PERIOD]);
      changed = change(scene);
      await waitingForLock(scene);
      await tx.query(`SET LOCAL lock_timeout = '500ms'`);
      await putFirst(tx, tenantId, [PERIOD]);
    });
    await changed;
    expect(await only(scene)).toMatchObject(afterwards);
    // What it was changed to is planned with.
    const work = await db.work.query('SELECT FROM push_work WHERE tenant_id = $1', [tenantId]);
    expect(work).toHaveLength(1);
    await sendAll(scene);
    expect((await scene.pushes()).map(({ status }) => status)).not.toContain('sending');
  });
});

async function waitingForLock({ db }: PushScene): Promise<void> {
  await expect
    .poll(() =>
      db.work.query(
        `SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      ),
    )
    .toHaveLength(1);
}
