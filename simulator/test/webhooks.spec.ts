import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Switches, WebhookDelivery } from '../src/index.js';
import {
  DAY_MS,
  HOUR_MS,
  MONDAY,
  MONDAY_MS,
  openBilling,
  type BillingSandbox,
} from './support/billing.js';
import { openReceiver, register, WEBHOOK_SECRET, type Receiver } from './support/receiver.js';
import { clientOf, DAY, HOUR, oracle, SECRET_KEY } from './support/sandbox.js';

const LIVE_KEY = 'sk_live_webhooks';

let billing: BillingSandbox;
let receiver: Receiver;
beforeEach(async () => {
  billing = await openBilling();
  receiver = await openReceiver();
});
afterEach(async () => {
  await billing.simulator.stop();
  await receiver.close();
});

const set = (switches: Partial<Switches>) => billing.simulator.setSwitches(switches);
/** One event per customer. */
const makeEvents = async (count: number, stripe = billing.stripe) => {
  for (let made = 0; made < count; made += 1) await stripe.customers.create();
};
const verified = (index = 0, secret = WEBHOOK_SECRET) => {
  const { body, signature } = receiver.received[index] ?? { body: '', signature: '' };
  return billing.stripe.webhooks.constructEvent(body, signature, secret);
};

describe('a webhook', () => {
  it('is signed, and carries the object as it was', async () => {
    register(billing.simulator, receiver, { types: ['customer.subscription.created'] });
    const { id } = await billing.subscribe();
    await billing.stripe.subscriptions.cancel(id);
    await billing.simulator.deliverDue();
    expect(receiver.received.length).toBe(1);
    const event = verified();
    expect(event).toMatchObject({
      object: 'event',
      type: 'customer.subscription.created',
      created: MONDAY,
      livemode: false,
      pending_webhooks: 1,
      request: { id: expect.stringMatching(/^req_/) },
      data: { object: { id, status: 'active' } },
    });
    const fetched = await billing.stripe.events.retrieve(event.id);
    expect(fetched).toMatchObject({ id: event.id, pending_webhooks: 0, data: event.data });
  });

  it('is sent only when it is due and told to', async () => {
    register(billing.simulator, receiver);
    await makeEvents(1);
    expect(receiver.received).toEqual([]);
    expect(billing.simulator.webhooks()).toMatchObject([{ status: 'pending', attempts: [] }]);
    await billing.simulator.deliverDue();
    await billing.simulator.deliverDue();
    expect(receiver.types()).toEqual(['customer.created']);
  });

  it('goes to endpoints of its account and mode that want its type', async () => {
    register(billing.simulator, receiver, { key: LIVE_KEY });
    register(billing.simulator, receiver, { key: 'sk_test_another' });
    register(billing.simulator, receiver, { types: ['invoice.paid'] });
    await makeEvents(1);
    await billing.simulator.deliverDue();
    expect(receiver.received).toEqual([]);
    await makeEvents(1, clientOf(billing.simulator, LIVE_KEY));
    await billing.simulator.deliverDue();
    expect(receiver.types()).toEqual(['customer.created']);
    expect(verified().livemode).toBe(true);
  });

  it('of the thin kind has no data and is fetched', async () => {
    register(billing.simulator, receiver, { payload: 'thin', types: ['v1.customer.created'] });
    const { id } = await billing.stripe.customers.create();
    await billing.simulator.deliverDue();
    const { body, signature } = receiver.received[0] ?? { body: '', signature: '' };
    expect(() => verified()).toThrow('thin event notification');
    const notification = billing.stripe.parseEventNotification(body, signature, WEBHOOK_SECRET);
    expect(notification).toMatchObject({
      type: 'v1.customer.created',
      related_object: { id, type: 'customer', url: `/v1/customers/${id}` },
    });
    expect(JSON.parse(body)).not.toHaveProperty('data');
    const event = await notification.fetchEvent();
    expect(event.id).toBe(notification.id);
    const snapshot = await billing.stripe.events.list({ type: 'customer.created', limit: 1 });
    expect(event).toMatchObject({ snapshot_event: snapshot.data[0]?.id });
  });

  it('of a connected account goes to the platform, and says whose it is', async () => {
    const { simulator } = billing;
    simulator.connectAccount(SECRET_KEY, 'acct_connected');
    register(simulator, receiver, { connect: true, types: ['customer.created'] });
    register(simulator, receiver, {
      connect: true,
      payload: 'thin',
      types: ['v1.customer.created'],
    });
    const connected = clientOf(simulator);
    await makeEvents(1);
    await connected.customers.create({}, { stripeAccount: 'acct_connected' });
    await simulator.deliverDue();
    expect(receiver.types()).toEqual(['customer.created', 'v1.customer.created']);
    expect(verified(0).account).toBe('acct_connected');
    const { body, signature } = receiver.received[1] ?? { body: '', signature: '' };
    const notification = billing.stripe.parseEventNotification(body, signature, WEBHOOK_SECRET);
    expect(String(notification.context)).toBe('acct_connected');
    expect((await notification.fetchEvent()).id).toBe(notification.id);
  });

  it('is signed with both secrets while one is rolled', async () => {
    const { id } = register(billing.simulator, receiver);
    register(billing.simulator, receiver, { id, secret: 'whsec_new', secrets: [WEBHOOK_SECRET] });
    set({ webhookExtraScheme: 'v0' });
    await makeEvents(1);
    await billing.simulator.deliverDue();
    const { signature } = receiver.received[0] ?? { signature: '' };
    expect(signature).toMatch(/^t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64},v0=[0-9a-f]{64}$/);
    expect(verified(0, WEBHOOK_SECRET).id).toBe(verified(0, 'whsec_new').id);
    expect(() => verified(0, 'whsec_wrong')).toThrow('No signatures found matching');
  });
});

describe('a delivery that is not answered 2xx', () => {
  it.each([
    ['a server error', 500],
    ['a redirect', 302],
    ['a client error', 404],
  ])('for %s comes again with the same id and a new signature', async (_why, status) => {
    set({ webhookTime: 'virtual' });
    register(billing.simulator, receiver);
    receiver.answer = status;
    await makeEvents(1);
    await billing.simulator.deliverDue();
    receiver.answer = 200;
    await billing.simulator.advanceTo(MONDAY_MS + 12 * HOUR_MS);
    const [first, second] = receiver.received;
    expect(receiver.received.length).toBe(2);
    expect(second?.body).toBe(first?.body);
    expect(second?.signature).not.toBe(first?.signature);
    const [delivery] = billing.simulator.webhooks();
    expect(delivery).toMatchObject({ status: 'delivered', due: null });
    expect(delivery?.attempts.map((attempt) => attempt.status)).toEqual([status, 200]);
  });

  it('is tried again when nobody answers in time, or nobody is there', async () => {
    set({ webhookTimeoutMs: 50 });
    register(billing.simulator, receiver);
    receiver.answer = () => {};
    await makeEvents(1);
    await billing.simulator.deliverDue();
    await receiver.close();
    await billing.simulator.advanceTo(MONDAY_MS + HOUR_MS);
    const [delivery] = billing.simulator.webhooks();
    expect(delivery?.attempts).toMatchObject([{ error: 'ABORT_ERR' }, { error: 'ECONNREFUSED' }]);
    expect(delivery?.status).toBe('pending');
  });

  it('is tried three times in a sandbox', async () => {
    register(billing.simulator, receiver);
    receiver.answer = 500;
    await makeEvents(1);
    await billing.simulator.advanceTo(MONDAY_MS + 5 * DAY_MS);
    expect(receiver.received.length).toBe(3);
    expect(billing.simulator.webhooks()[0]).toMatchObject({ status: 'failed', due: null });
  });

  it('is tried for three days in live mode, ever more seldom', async () => {
    register(billing.simulator, receiver, { key: LIVE_KEY });
    receiver.answer = 500;
    await makeEvents(1, clientOf(billing.simulator, LIVE_KEY));
    await billing.simulator.advanceTo(MONDAY_MS + 5 * DAY_MS);
    const [delivery] = billing.simulator.webhooks();
    const times = (delivery?.attempts ?? []).map(({ at }) => Date.parse(at));
    const last = times.at(-1) ?? 0;
    expect(last).toBeGreaterThan(MONDAY_MS + 2.5 * DAY_MS);
    expect(last).toBeLessThanOrEqual(MONDAY_MS + 3 * DAY_MS);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(gaps).toEqual([...gaps].sort((left, right) => left - right));
    expect(delivery?.status).toBe('failed');
  });
});

describe('webhooks that go wrong', () => {
  it('come twice under one id', async () => {
    set({ webhookTwice: 1 });
    register(billing.simulator, receiver);
    await makeEvents(2);
    await billing.simulator.deliverDue();
    expect(receiver.received.length).toBe(4);
    expect(new Set(receiver.ids()).size).toBe(2);
  });

  it('come as two events for one change', async () => {
    set({ webhookTwinEvents: 1 });
    register(billing.simulator, receiver);
    const { id } = await billing.stripe.customers.create();
    await billing.simulator.deliverDue();
    expect(new Set(receiver.ids()).size).toBe(2);
    const objects = [verified(0), verified(1)].map(({ data }) => data.object);
    expect(objects).toMatchObject([{ id }, { id }]);
    expect(verified(0).created).toBe(verified(1).created);
  });

  it('come in another order, the same for the same seed', async () => {
    const order = async (seed: number) => {
      const other = await openBilling({ seed, switches: { webhookShuffleMs: HOUR_MS } });
      receiver.received.length = 0;
      register(other.simulator, receiver);
      const made: string[] = [];
      for (let count = 0; count < 8; count += 1)
        made.push((await other.stripe.customers.create()).id);
      await other.simulator.advanceTo(MONDAY_MS + HOUR_MS);
      const arrived = receiver.received.map(
        ({ body }) => JSON.parse(body).data.object.id as string,
      );
      await other.simulator.stop();
      expect([...arrived].sort()).toEqual([...made].sort());
      return arrived.map((id) => made.indexOf(id));
    };
    const inOrder = [0, 1, 2, 3, 4, 5, 6, 7];
    const first = await order(7);
    expect(first).not.toEqual(inOrder);
    expect(await order(7)).toEqual(first);
    expect(await order(8)).not.toEqual(first);
  });

  it('come late', async () => {
    set({ webhookDelayMs: HOUR_MS });
    register(billing.simulator, receiver);
    await makeEvents(1);
    await billing.simulator.advanceTo(MONDAY_MS + HOUR_MS - 1);
    expect(receiver.received).toEqual([]);
    await billing.simulator.advanceTo(MONDAY_MS + HOUR_MS);
    expect(receiver.received.length).toBe(1);
  });

  it('never come, though their events exist', async () => {
    set({ webhookLost: 1 });
    register(billing.simulator, receiver);
    await makeEvents(1);
    await billing.simulator.advanceTo(MONDAY_MS + 4 * DAY_MS);
    expect(receiver.received).toEqual([]);
    const [delivery] = billing.simulator.webhooks();
    expect(delivery).toMatchObject({ status: 'lost', attempts: [] });
    expect((await billing.stripe.events.retrieve(delivery?.event ?? '')).type).toBe(delivery?.type);
  });
});

describe('a draft invoice', () => {
  const finalizedAt = async () =>
    (await billing.cycleInvoices())[0]?.status_transitions.finalized_at ?? null;
  const cycle = () => billing.subscribe({ cancel_at_period_end: true });

  it('waits an hour after its webhook was answered', async () => {
    register(billing.simulator, receiver, { types: ['invoice.created'] });
    await cycle();
    set({ webhookDelayMs: 3 * HOUR_MS });
    await billing.at(MONDAY_MS + 2 * DAY_MS);
    expect(await finalizedAt()).toBe(MONDAY + DAY + 4 * HOUR);
    const [invoice] = await billing.cycleInvoices();
    expect(invoice?.webhooks_delivered_at).toBe(MONDAY + DAY + 3 * HOUR);
  });

  it('waits 72 hours when its webhook is never answered 2xx', async () => {
    register(billing.simulator, receiver, { types: ['invoice.created'] });
    receiver.answer = 503;
    await cycle();
    await billing.at(MONDAY_MS + DAY_MS + 2 * HOUR_MS);
    const [draft] = await billing.cycleInvoices();
    expect(draft).toMatchObject({
      status: 'draft',
      automatically_finalizes_at: MONDAY + 4 * DAY,
      webhooks_delivered_at: null,
    });
    await billing.at(MONDAY_MS + 5 * DAY_MS);
    expect(await finalizedAt()).toBe(MONDAY + 4 * DAY);
  });

  it('waits until each of its endpoints has answered', async () => {
    const other = await openReceiver();
    register(billing.simulator, receiver, { types: ['invoice.created'] });
    register(billing.simulator, other, { types: ['invoice.created'] });
    await cycle();
    other.answer = 500;
    await billing.at(MONDAY_MS + DAY_MS);
    other.answer = 200;
    await billing.at(MONDAY_MS + 2 * DAY_MS);
    await other.close();
    // The retry of a sandbox comes half an hour later.
    expect(await finalizedAt()).toBe(MONDAY + DAY + 1.5 * HOUR);
  });

  it('does not wait for a webhook that is lost on the way', async () => {
    register(billing.simulator, receiver, { types: ['invoice.created'] });
    await cycle();
    set({ webhookLost: 1 });
    await billing.at(MONDAY_MS + 2 * DAY_MS);
    expect(await finalizedAt()).toBe(MONDAY + DAY + HOUR);
  });

  it('tells each step of its way by an event', async () => {
    register(billing.simulator, receiver);
    await billing.subscribe();
    await billing.simulator.deliverDue();
    receiver.received.length = 0;
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    expect(receiver.types()).toEqual([
      'invoice.created',
      'customer.subscription.updated',
      'invoice.finalized',
      'invoice.paid',
    ]);
    const updated = verified(1).data;
    expect(updated.previous_attributes).toMatchObject({
      items: { data: [{ current_period_end: MONDAY + DAY }] },
    });
    expect(verified(0)).toMatchObject({
      request: null,
      created: verified(1).created,
      data: { object: { status: 'draft', automatically_finalizes_at: MONDAY + DAY + HOUR } },
    });
  });

  it('lets a receiver use the API while the clock is on its way', async () => {
    register(billing.simulator, receiver, { types: ['invoice.created'] });
    await cycle();
    let held: Promise<unknown> = Promise.resolve();
    receiver.answer = (response) => {
      const invoice = (verified(receiver.received.length - 1).data.object as { id: string }).id;
      held = billing.stripe.invoices
        .update(invoice, { auto_advance: false })
        .catch(() => {})
        .finally(() => response.writeHead(200).end());
    };
    await billing.at(MONDAY_MS + 10 * DAY_MS);
    await held;
    expect((await billing.cycleInvoices()).map(({ status }) => status)).toEqual(['draft']);
  });
});

describe('the oracle', () => {
  const ask = <Answer>(method: string, path: string, body?: object) =>
    oracle<Answer>(billing.simulator, method, `/_sim/${path}`, body);

  it('adds, lists and removes endpoints', async () => {
    const order = { url: receiver.url, secret: WEBHOOK_SECRET, key: 'sk_test_sandbox' };
    const { body } = await ask<{ id: string }>('POST', 'webhook-endpoints', order);
    const listed = await ask<{ endpoints: object[] }>('GET', 'webhook-endpoints');
    expect(listed.body.endpoints).toMatchObject([
      { id: body.id, payload: 'snapshot', types: ['*'] },
    ]);
    await makeEvents(1);
    const run = await ask<{ deliveries: WebhookDelivery[] }>('POST', 'webhooks/run');
    expect(run.body.deliveries).toMatchObject([
      { endpoint: body.id, status: 'delivered', attempts: [{ status: 200, error: null }] },
    ]);
    expect((await ask('DELETE', `webhook-endpoints?id=${body.id}`)).status).toBe(200);
    await makeEvents(1);
    await ask('POST', 'webhooks/run');
    expect(receiver.received.length).toBe(1);
    const told = await ask<{ deliveries: WebhookDelivery[] }>('GET', 'webhooks');
    expect(told.body.deliveries.length).toBe(1);
  });

  it.each([
    { secret: 'x', key: 'sk_test_x' },
    { url: 'http://127.0.0.1/', key: 'sk_test_x' },
    { url: 'http://127.0.0.1/', secret: 'x' },
    { url: 'http://127.0.0.1/', secret: 'x', key: 'sk_test_x', payload: 'fat' },
    { url: 'http://127.0.0.1/', secret: 'x', key: 'sk_test_x', types: [] },
  ])('refuses the endpoint %j', async (order) => {
    expect((await ask('POST', 'webhook-endpoints', order)).status).toBe(400);
  });

  it('moves the clock past all that is due, with its webhooks', async () => {
    register(billing.simulator, receiver, { types: ['invoice.paid'] });
    await billing.subscribe();
    const moved = await ask<{ now: number }>('POST', 'advance', { seconds: DAY + HOUR });
    expect(moved.body.now).toBe(MONDAY + DAY + HOUR);
    expect(receiver.types()).toEqual(['invoice.paid', 'invoice.paid']);
    const there = { to: '2026-06-03T01:00:00Z' };
    await ask('POST', 'advance', there);
    expect(receiver.received.length).toBe(3);
    expect((await ask('POST', 'advance', {})).status).toBe(400);
  });
});

describe('automatic delivery', () => {
  it('needs no one to ask for it', async () => {
    const other = await openBilling({ autoDeliver: true });
    register(other.simulator, receiver);
    await other.stripe.customers.create();
    while (receiver.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await other.simulator.stop();
    expect(receiver.types()).toEqual(['customer.created']);
  });
});
