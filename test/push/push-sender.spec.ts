import type { PlainFaultName } from '@countonce/stripe-simulator';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.js';
import type { PushSender } from '../../src/push/push-sender.js';
import type { PushBody, SendOutcome } from '../../src/stripe/push-target.js';
import { StripeMeterEvents } from '../../src/stripe/stripe-meter-events.js';
import { StripePace } from '../../src/stripe/stripe-pace.js';
import { due, EVENTS, fault, NOVEMBER, only, sendAll } from './due-push.js';
import { pushProcess } from './push-process.js';
import { EVENT_NAME, STRIPE_CUSTOMER, type PushScene } from './push-scene.js';

describe('a push', () => {
  it('is delivered once, under its identifier, with its history', async () => {
    await using scene = await due();
    await scene.process().worker.drain(scene.tenantId);
    const push = await only(scene);
    expect(push).toMatchObject({ status: 'delivered', attempts: 1, unknownAttempts: 0 });
    expect(scene.simulator.ledger()).toMatchObject([
      {
        event_name: EVENT_NAME,
        customer: STRIPE_CUSTOMER,
        value: '10',
        identifier: push.identifier,
        idempotency_key: push.identifier,
        timestamp: Date.parse('2026-11-10T09:00:00Z') / 1_000,
      },
    ]);
    const transitions = await scene.db.work.query<{ to: string }>(
      'SELECT to_status AS "to" FROM push_transition WHERE tenant_id = $1 ORDER BY transition_no',
      [scene.tenantId],
    );
    expect(transitions.map(({ to }) => to)).toEqual(['pending', 'sending', 'delivered']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', pending: '0' });
  });

  it.each<
    [PlainFaultName, Partial<Record<'status' | 'reason' | 'keyNo' | 'unknownAttempts', unknown>>]
  >([
    ['lostResponse', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
    ['resetBefore', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
    ['500BeforeCommit', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
    ['500AfterCommit', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
    ['503', { status: 'pending', keyNo: 0, unknownAttempts: 0 }],
    ['429Burst', { status: 'pending', keyNo: 0, unknownAttempts: 0 }],
  ])('counts once through %s', async (kind, afterwards) => {
    await using scene = await due();
    fault(scene, kind);
    await scene.process().worker.drain(scene.tenantId);
    expect(await only(scene)).toMatchObject({ ...afterwards, attempts: 1 });

    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered' });
    expect(scene.counted()).toEqual(['10']);
  });

  it.each<[PlainFaultName]>([['500BeforeCommit'], ['500AfterCommit']])(
    'gets past a stored 500 with the next key (%s)',
    async (kind) => {
      await using scene = await due();
      fault(scene, kind);
      await sendAll(scene, 1);
      await sendAll(scene, 1);
      expect(await only(scene)).toMatchObject({
        status: 'unknown',
        reason: 'stored_500',
        keyNo: 1,
      });
      await sendAll(scene, 1);
      const push = await only(scene);
      expect(push).toMatchObject({ status: 'delivered', attempts: 3 });
      expect(scene.simulator.ledger()).toMatchObject([
        { identifier: push.identifier, value: '10' },
      ]);
    },
  );

  it('counts once under every mix of faults', async () => {
    await using scene = await due();
    for (let hour = 0; hour < 8; hour++) {
      await scene.usage(NOVEMBER, `2026-11-10T0${hour}:05:00Z`, String(2 ** hour));
    }
    await scene.plan(NOVEMBER);
    const kinds: PlainFaultName[] = [
      'lostResponse',
      '500AfterCommit',
      '503',
      '429Burst',
      'resetBefore',
    ];
    kinds.forEach((kind, seed) => {
      scene.simulator.addFault({
        match: { path: EVENTS },
        fault: kind,
        count: 8,
        probability: 0.3,
        seed,
      });
    });
    await sendAll(scene, 40);
    const pushes = await scene.pushes();
    expect(pushes.map(({ status }) => status)).toEqual(pushes.map(() => 'delivered'));
    expect(
      scene
        .counted()
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([1, 2, 4, 8, 10, 16, 32, 64, 128]);
  });
});

describe('a sender that dies', () => {
  it('before its answer is written: the same bytes go again, and count once', async () => {
    await using scene = await due();
    const dying = new DyingSender(scene);
    await dying.send();
    expect(await only(scene)).toMatchObject({ status: 'sending' });
    expect(scene.counted()).toEqual(['10']);

    const { sender } = scene.process();
    expect(await sender.send(scene.tenantId)).toBe(0);
    await scene.expireLeases();
    await sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({
      status: 'delivered',
      attempts: 2,
      unknownAttempts: 1,
    });
    expect(scene.counted()).toEqual(['10']);
    expect(dying.bodies).toHaveLength(1);
  });

  it('and comes back late cannot overwrite what the next one wrote', async () => {
    await using scene = await due();
    const late = new DyingSender(scene);
    const coming = late.hang();
    await late.called;
    await scene.expireLeases();
    await scene.process().sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'delivered' });
    late.answer({ kind: 'refused', code: 'late', message: 'late' });
    await coming;
    expect(await only(scene)).toMatchObject({ status: 'delivered', reason: null });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', rejected: '0' });
  });
});

describe('senders at the same time', () => {
  it('make each call once, and one at a time for a Stripe customer', async () => {
    await using scene = await due({}, { switches: { processingMs: 20 } });
    for (let hour = 0; hour < 9; hour++) {
      await scene.usage(NOVEMBER, `2026-11-10T0${hour}:15:00Z`, '1');
    }
    await scene.plan(NOVEMBER);
    const senders = [scene.process(), scene.process(), scene.process()];
    const expected = (await scene.pushes()).length;
    const deadline = Date.now() + 30_000;
    while (scene.counted().length < expected && Date.now() < deadline) {
      await Promise.all(senders.map(({ sender }) => sender.send(scene.tenantId)));
    }
    const pushes = await scene.pushes();
    expect(pushes.map(({ status }) => status)).toEqual(pushes.map(() => 'delivered'));
    expect(pushes.map(({ attempts }) => attempts)).toEqual(pushes.map(() => 1));
    expect(scene.simulator.ledger().map(({ attempts }) => attempts)).toEqual(pushes.map(() => 1));
  });
});

/** A sender whose answers never reach the database, or not before it is let. */
class DyingSender {
  readonly bodies: PushBody[] = [];
  readonly called: Promise<void>;
  answer: (outcome: SendOutcome) => void = () => undefined;
  private call: () => void = () => undefined;

  constructor(private readonly scene: PushScene) {
    this.called = new Promise((resolve) => {
      this.call = resolve;
    });
  }

  /** Really calls, and then dies. */
  async send(): Promise<void> {
    const { config, db } = this.scene;
    const real = new StripeMeterEvents(new StripePace(config, db), new Metrics());
    const sender = this.senderTo(async (...request) => {
      this.bodies.push(request[1]);
      await real.send(...request);
      throw new Error('the process died');
    });
    await expect(sender.send(this.scene.tenantId)).rejects.toThrow('the process died');
  }

  /** Waits for its answer. */
  async hang(): Promise<void> {
    const answered = new Promise<SendOutcome>((resolve) => {
      this.answer = resolve;
    });
    const sender = this.senderTo(() => {
      this.call();
      return answered;
    });
    await sender.send(this.scene.tenantId);
  }

  private senderTo(send: StripeMeterEvents['send']): PushSender {
    return pushProcess(this.scene.db, this.scene.config, { send }).sender;
  }
}
