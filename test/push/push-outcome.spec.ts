import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { due, EVENTS, fault, NOVEMBER, only, sendAll } from './due-push.js';
import { EVENT_NAME, SECRET_KEY, STRIPE_CUSTOMER, type PushScene } from './push-scene.js';

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
