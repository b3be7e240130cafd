import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import Stripe from 'stripe';
import { clientOf, errorOf, openSandbox, type Sandbox } from './support/sandbox.js';

const MINUTE = 60;

let sandbox: Sandbox;
let live: Stripe;
beforeEach(async () => {
  sandbox = await openSandbox({ autoCustomers: true });
  live = clientOf(sandbox.simulator, 'sk_live_x');
  await live.billing.meters.create({
    display_name: 'Requests',
    event_name: 'requests',
    default_aggregation: { formula: 'sum' },
  });
});
afterEach(() => sandbox.simulator.stop());

async function openStream(): Promise<Stripe> {
  const session = await live.v2.billing.meterEventSession.create();
  return clientOf(sandbox.simulator, session.authentication_token);
}

const event = (value: string, identifier?: string) => ({
  event_name: 'requests',
  payload: { stripe_customer_id: 'cus_1', value },
  ...(identifier !== undefined && { identifier }),
});

const values = (): string[] => sandbox.simulator.ledger().map(({ value }) => value);

describe('a stream session', () => {
  it('gives a token for 15 minutes', async () => {
    const session = await live.v2.billing.meterEventSession.create();
    expect(session).toMatchObject({
      object: 'v2.billing.meter_event_session',
      created: '2026-10-30T12:00:00.000Z',
      expires_at: '2026-10-30T12:15:00.000Z',
      livemode: true,
    });
    expect(session.id).not.toBe(session.authentication_token);
  });

  it('is for live mode only', async () => {
    const error = await errorOf(sandbox.stripe.v2.billing.meterEventSession.create());
    expect(error.statusCode).toBe(400);
  });

  it('ends exactly after its 15 minutes, and its token then has a code of its own', async () => {
    const stream = await openStream();
    sandbox.simulator.advanceClock(15 * MINUTE - 0.001);
    await stream.v2.billing.meterEventStream.create({ events: [event('1')] });
    sandbox.simulator.advanceClock(0.001);
    const error = await errorOf(
      stream.v2.billing.meterEventStream.create({ events: [event('2')] }),
    );
    expect(error).toBeInstanceOf(Stripe.errors.TemporarySessionExpiredError);
    expect(error).toMatchObject({ statusCode: 401, code: 'billing_meter_event_session_expired' });
    expect(values()).toEqual(['1']);
  });

  it('is not replaced by a secret key, and its token opens nothing else', async () => {
    const withKey = live.v2.billing.meterEventStream.create({ events: [event('1')] });
    expect((await errorOf(withKey)).statusCode).toBe(401);
    const stream = await openStream();
    expect((await errorOf(stream.customers.create())).statusCode).toBe(401);
  });
});

describe('a stream', () => {
  it('takes 1 to 100 events', async () => {
    const stream = await openStream();
    const events = (count: number) => Array.from({ length: count }, () => event('1'));
    const send = (count: number) =>
      stream.v2.billing.meterEventStream.create({ events: events(count) });
    expect((await errorOf(send(0))).statusCode).toBe(400);
    expect((await errorOf(send(101))).statusCode).toBe(400);
    await send(1);
    await send(100);
    expect(values()).toHaveLength(101);
  });

  it('answers nothing but {} whatever is in it; all faults come later', async () => {
    const stream = await openStream();
    await stream.v2.billing.meterEventStream.create({
      events: [
        event('1', 'a'),
        { ...event('2'), event_name: 'none' },
        event('x'),
        { ...event('3'), payload: { value: '3' } },
        event('1', 'a'),
        event('4'),
      ],
    });
    expect(values()).toEqual(['1', '4']);
    expect(sandbox.simulator.rejections().map(({ code, silent }) => [code, silent])).toEqual([
      ['no_meter', false],
      ['meter_event_invalid_value', false],
      ['meter_event_no_customer_defined', false],
      ['duplicate_meter_event', true],
    ]);
  });

  it('can lose one of its events to a scripted rejection', async () => {
    const stream = await openStream();
    const match = { path: '/v2/billing/meter_event_stream', identifier: 'b' };
    sandbox.simulator.addFault({ match, fault: { kind: 'asyncReject', silent: true } });
    const events = [event('1', 'a'), event('2', 'b'), event('3', 'c')];
    await stream.v2.billing.meterEventStream.create({ events });
    expect(values()).toEqual(['1', '3']);
  });

  it('meets the faults that match any of its events', async () => {
    const stream = await openStream();
    sandbox.simulator.addFault({ match: { identifier: 'b' }, fault: '503' });
    const send = () =>
      stream.v2.billing.meterEventStream.create({ events: [event('1', 'a'), event('2', 'b')] });
    expect((await errorOf(send())).statusCode).toBe(503);
    await send();
    expect(values()).toEqual(['1', '2']);
  });
});
