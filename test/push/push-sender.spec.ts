import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { PushBody, SendOutcome } from '../../src/stripe/push-target.js';
import { StripeMeterEvents } from '../../src/stripe/stripe-meter-events.js';
import { StripePace } from '../../src/stripe/stripe-pace.js';
import type { FaultName } from '@countonce/stripe-simulator';
import { EVENT_NAME, PushScene, SECRET_KEY, STRIPE_CUSTOMER } from './push-scene.js';
import { PushSender } from '../../src/push/push-sender.js';

const NOVEMBER = '2026-11-01T00:00:00Z';
const EVENTS = '/v1/billing/meter_events';

/** One push of 10 is due. */
async function due(env: Record<string, string> = {}, options = {}): Promise<PushScene> {
  const scene = await PushScene.open(env, options);
  await scene.meter();
  await scene.customer();
  await scene.stripeMeter();
  await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
  await scene.now('2026-11-10T12:30:20Z');
  await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
  await scene.plan(NOVEMBER);
  return scene;
}

function fault(scene: PushScene, kind: FaultName, count = 1): void {
  const script = kind === 'slow' ? { kind, ms: 2_000 } : kind;
  scene.simulator.addFault({ match: { method: 'POST', path: EVENTS }, count, fault: script });
}

async function only(scene: PushScene) {
  const [push] = await scene.pushes();
  return push!;
}

/** Sends until nothing is due, with every back-off passed. */
async function sendAll(scene: PushScene, rounds = 6): Promise<void> {
  const { sender } = scene.process();
  for (let round = 0; round < rounds; round++) {
    await scene.forgetBackOff();
    while ((await sender.send(scene.tenantId)) > 0);
  }
}

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

  it.each<[FaultName, Partial<Record<'status' | 'reason' | 'keyNo' | 'unknownAttempts', unknown>>]>(
    [
      ['lostResponse', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
      ['resetBefore', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
      ['500BeforeCommit', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
      ['500AfterCommit', { status: 'unknown', reason: 'no_answer', keyNo: 0, unknownAttempts: 1 }],
      ['503', { status: 'pending', keyNo: 0, unknownAttempts: 0 }],
      ['429Burst', { status: 'pending', keyNo: 0, unknownAttempts: 0 }],
    ],
  )('counts once through %s', async (kind, afterwards) => {
    await using scene = await due();
    fault(scene, kind);
    await scene.process().worker.drain(scene.tenantId);
    expect(await only(scene)).toMatchObject({ ...afterwards, attempts: 1 });

    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered' });
    expect(scene.counted()).toEqual(['10']);
  });

  it.each<[FaultName]>([['500BeforeCommit'], ['500AfterCommit']])(
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
    const kinds: FaultName[] = ['lostResponse', '500AfterCommit', '503', '429Burst', 'resetBefore'];
    kinds.forEach((kind, seed) => {
      scene.simulator.addFault({
        match: { path: EVENTS },
        fault: kind as never,
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

describe('an identifier that is taken', () => {
  async function takeIdentifier(scene: PushScene): Promise<void> {
    const { identifier } = await only(scene);
    await scene.stripe(
      EVENTS,
      new URLSearchParams({
        event_name: EVENT_NAME,
        identifier,
        timestamp: String(Date.parse('2026-11-10T09:00:00Z') / 1_000),
        'payload[stripe_customer_id]': STRIPE_CUSTOMER,
        'payload[value]': '10',
      }),
    );
  }

  it('by somebody else before the first attempt is unknown, and is left alone', async () => {
    await using scene = await due();
    await takeIdentifier(scene);
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({
      status: 'unknown',
      reason: 'identifier_taken',
      attempts: 1,
    });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ unknown: '10', delivered: '0' });
  });

  it('by an attempt without an answer is delivered', async () => {
    await using scene = await due();
    fault(scene, 'resetBefore');
    await sendAll(scene, 1);
    await takeIdentifier(scene);
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 2 });
  });
});

describe('a key that was used with another body', () => {
  it('is passed over by the next one', async () => {
    await using scene = await due();
    const { identifier } = await only(scene);
    await fetch(`${scene.simulator.url}${EVENTS}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET_KEY}`, 'idempotency-key': identifier },
      body: new URLSearchParams({
        event_name: EVENT_NAME,
        'payload[stripe_customer_id]': STRIPE_CUSTOMER,
        'payload[value]': '99',
      }),
    });
    await sendAll(scene, 1);
    expect(await only(scene)).toMatchObject({ status: 'unknown', reason: 'idempotency_mismatch' });
    await sendAll(scene, 1);
    expect(await only(scene)).toMatchObject({ status: 'delivered', keyNo: 1 });
    expect(scene.counted()).toEqual(['99', '10']);
  });
});

describe('a refusal', () => {
  it('rejects the push and parks its lane; what is owed beyond is held', async () => {
    await using scene = await due({}, { autoCustomers: false });
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'rejected', reason: 'resource_missing' });
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '5');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toHaveLength(1);
    expect(await scene.holds()).toEqual({ lane_parked: '5' });
    expect(await scene.standing(NOVEMBER)).toMatchObject({
      rejected: '10',
      held: '5',
      pending: '0',
    });
  });

  it('after an attempt without an answer leaves the push unknown', async () => {
    await using scene = await due({}, { autoCustomers: false });
    fault(scene, 'resetBefore');
    await sendAll(scene, 1);
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({
      status: 'unknown',
      reason: 'resource_missing',
      attempts: 2,
    });
    expect(await scene.holds()).toEqual({});
  });

  it('for an inactive meter ends when the meter is active again', async () => {
    await using scene = await due();
    const [{ id } = { id: '' }] = await scene.db.work.query<{ id: string }>(
      'SELECT stripe_meter_id AS id FROM stripe_meter',
    );
    await scene.stripe(`/v1/billing/meters/${id}/deactivate`, new URLSearchParams());
    await sendAll(scene);
    const first = await only(scene);
    expect(first.status).toBe('rejected');
    await scene.plan(NOVEMBER);
    expect(await scene.pushes()).toHaveLength(1);

    await scene.stripe(`/v1/billing/meters/${id}/reactivate`, new URLSearchParams());
    await scene.db.work.query(`UPDATE push_lane SET parked_at = parked_at - interval '6 minutes'`);
    await scene.db.work.query(`UPDATE stripe_meter SET read_at = read_at - interval '6 minutes'`);
    await scene.plan(NOVEMBER);
    await sendAll(scene);
    expect(await scene.pushes()).toMatchObject([
      { status: 'rejected' },
      { status: 'delivered', value: '10', sequence: 2 },
    ]);
    expect(scene.counted()).toEqual(['10']);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', rejected: '0' });
  });
});

describe('an account', () => {
  it('that refuses its key stops, and its pushes wait', async () => {
    await using scene = await due({ STRIPE_ACCOUNT_ID: 'acct_scene' });
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '5');
    await scene.plan(NOVEMBER);
    const body = '{"error":{"type":"invalid_request_error","message":"Invalid API Key provided"}}';
    await using server = await answering(401, body);
    const { sender } = scene.process({ STRIPE_API_BASE: server.url });
    expect(await sender.send(scene.tenantId)).toBe(1);
    await scene.forgetBackOff();
    expect(await sender.send(scene.tenantId)).toBe(0);
    expect(await scene.pushes()).toMatchObject([
      { status: 'pending', reason: 'account_refused' },
      { status: 'pending', reason: null },
    ]);
    await sendAll(scene);
    expect(scene.counted().toSorted()).toEqual(['10', '5']);
  });
});

describe('an unknown push', () => {
  it('is not sent again once the window that Stripe remembers has passed', async () => {
    await using scene = await due();
    fault(scene, 'lostResponse');
    await sendAll(scene, 1);
    await scene.db.work.query(
      `UPDATE push SET first_attempt_at = now() - interval '82801 seconds' WHERE tenant_id = $1`,
      [scene.tenantId],
    );
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown', attempts: 1 });
    expect(scene.simulator.ledger()).toMatchObject([{ attempts: 1 }]);
  });

  it('blocks nothing and counts as delivered for the next plan', async () => {
    await using scene = await due();
    fault(scene, 'lostResponse');
    await sendAll(scene, 1);
    await scene.usage(NOVEMBER, '2026-11-10T09:07:00Z', '3');
    await scene.plan(NOVEMBER);
    await scene.process().sender.send(scene.tenantId);
    expect(await scene.pushes()).toMatchObject([
      { value: '10', status: 'unknown' },
      { value: '3', status: 'delivered', timestamp: '2026-11-10T09:01:00Z' },
    ]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({
      value: '13',
      delivered: '3',
      unknown: '10',
    });
  });
});

describe('an answer that is not Stripe’s', () => {
  it.each([
    [200, '{"object":"something else"}'],
    [200, '{"object":"billing.meter_event","identi'],
    [502, '<html>Bad gateway</html>'],
    [400, '<html>Bad request</html>'],
    [500, '{"error":{"type":"api_error","message":"sorry"}}'],
  ])('leaves the outcome unknown: %d %s', async (status, body) => {
    await using scene = await due();
    await using server = await answering(status, body);
    await scene.process({ STRIPE_API_BASE: server.url }).sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'unknown', unknownAttempts: 1 });
  });
});

/** Something else than Stripe, that answers all requests alike. */
async function answering(status: number, body: string): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

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
    const real = new StripeMeterEvents(new StripePace(this.scene.config));
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
    const { accounts } = this.scene.process();
    return new PushSender(this.scene.db, this.scene.config, accounts, { send });
  }
}
