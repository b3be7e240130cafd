import { describe, expect, it } from 'vitest';
import { settlePushes } from '../../src/push/push-settle.store.js';
import { settle } from '../../src/push/push-settlement.js';
import type { SendOutcome } from '../../src/stripe/push-target.js';
import { many, mapped, waiting } from './waiting-pushes.js';

const ANSWERS: readonly (SendOutcome | undefined)[] = [
  { kind: 'delivered' },
  { kind: 'refused', code: 'resource_missing', message: 'No such customer' },
  { kind: 'unknown', why: 'no answer' },
  undefined,
];

describe('answers that are written down together', () => {
  it('are each their own, and one whose lease was lost is not written', async () => {
    await using scene = await mapped();
    await waiting(scene, many(5, 5));
    const { accounts, claimer } = scene.process();
    const account = (await accounts.of(scene.tenantId))!;
    const claim = await claimer.claim(scene.tenantId, account, false);
    if (claim === undefined || 'waitMs' in claim) throw new Error('nothing was claimed');
    const [lost, ...kept] = claim.pushes;
    await scene.db.work.query(
      `UPDATE push SET lease_until = now() - interval '1 second' WHERE identifier = $1`,
      [lost!.identifier],
    );
    const taken = await scene.process().claimer.claim(scene.tenantId, account, false);
    expect(taken).toMatchObject({ pushes: [{ identifier: lost!.identifier }] });

    const refused: SendOutcome = { kind: 'refused', code: 'late', message: 'late' };
    const written = await settlePushes(scene.db.work, scene.tenantId, [
      { push: lost!, settlement: settle(lost!, refused, 0) },
      ...kept.map((push, index) => {
        const answer = ANSWERS[index];
        return { push, settlement: answer && settle(push, answer, 0) };
      }),
    ]);
    expect(written).toEqual(new Set(kept.map(({ identifier }) => identifier)));
    const rows = new Map((await scene.pushes()).map((push) => [push.identifier, push]));
    expect(kept.map(({ identifier }) => rows.get(identifier))).toMatchObject([
      { status: 'delivered', attempts: 1 },
      { status: 'rejected', reason: 'resource_missing' },
      { status: 'unknown', unknownAttempts: 1 },
      { status: 'pending', attempts: 0 },
    ]);
    expect(rows.get(lost!.identifier)).toMatchObject({ status: 'sending', unknownAttempts: 1 });
    const parked = await scene.db.work.query<{ no: number; code: string }>(
      `SELECT customer_no AS no, parked_code AS code FROM push_lane WHERE parked_code IS NOT NULL`,
    );
    expect(parked).toEqual([
      { no: Number(kept[1]!.stripeCustomerId.slice('cus_'.length)), code: 'resource_missing' },
    ]);
  });
});
