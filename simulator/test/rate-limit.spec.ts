import { afterEach, describe, expect, it } from 'vitest';
import type { RateLimits } from '../src/index.js';
import { TokenBucket } from '../src/rate-limit.js';
import { clientOf, errorOf, openSandbox, type Sandbox } from './support/sandbox.js';

let sandbox: Sandbox | undefined;
afterEach(async () => {
  await sandbox?.simulator.stop();
  sandbox = undefined;
});

/** One request, and not another for the rest of the test. */
const ONCE = 0.001;

const UNLIMITED: RateLimits = {
  meterEventsLive: Infinity,
  meterEventStreamLive: Infinity,
  overallSandbox: Infinity,
  overallLive: Infinity,
  perEndpoint: Infinity,
};

/** All limits off but the given ones. The set-up makes one meter and one customer. */
async function open(limits: Partial<RateLimits>): Promise<Sandbox> {
  sandbox = await openSandbox({ rateLimits: { ...UNLIMITED, ...limits } });
  return sandbox;
}

describe('a bucket', () => {
  it('holds one second of requests, and not one more', () => {
    const bucket = new TokenBucket(25);
    const taken = Array.from({ length: 26 }, () => bucket.take(0));
    expect(taken).toEqual([...Array.from({ length: 25 }, () => true), false]);
  });

  it('gives the next request exactly when it has filled by one', () => {
    const bucket = new TokenBucket(4);
    for (let taken = 0; taken < 4; taken += 1) bucket.take(0);
    expect(bucket.take(249)).toBe(false);
    expect(bucket.take(250)).toBe(true);
    expect(bucket.take(250)).toBe(false);
  });

  it('never holds more than one second, however long nobody came', () => {
    const bucket = new TokenBucket(2);
    const taken = [0, 0, 3_600_000, 3_600_000, 3_600_000].map((atMs) => bucket.take(atMs));
    expect(taken).toEqual([true, true, true, true, false]);
  });
});

describe('a refusal', () => {
  it('is a 429 with code and reason, without Retry-After', async () => {
    const { stripe, meter } = await open({ perEndpoint: ONCE });
    await stripe.billing.meters.retrieve(meter.id);
    const error = await errorOf(stripe.billing.meters.retrieve(meter.id));
    expect(error).toMatchObject({
      type: 'StripeRateLimitError',
      statusCode: 429,
      code: 'rate_limit',
      headers: { 'stripe-rate-limited-reason': 'endpoint-rate' },
    });
    expect(error.headers).not.toHaveProperty('retry-after');
  });
});

describe('limits', () => {
  it('of an endpoint hold for each endpoint, and leave the others alone', async () => {
    const { stripe, meter, customer } = await open({ perEndpoint: ONCE });
    await stripe.billing.meters.retrieve(meter.id);
    await stripe.customers.retrieve(customer);
    expect((await errorOf(stripe.customers.retrieve(customer))).statusCode).toBe(429);
  });

  it('of the sandbox hold for meter events too', async () => {
    const { simulator, send } = await open({ overallSandbox: 3 });
    simulator.reset();
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, () => errorOf(send('1')).then(({ code }) => code)),
    );
    expect(outcomes).toContain('rate_limit');
  });

  it('of live meter events are their own', async () => {
    const { simulator } = await open({
      overallLive: ONCE,
      perEndpoint: ONCE,
      meterEventsLive: 1000,
    });
    const live = clientOf(simulator, 'sk_live_x');
    const send = () =>
      live.billing.meterEvents.create({ event_name: 'x', payload: { value: '1' } });
    await live.accounts.retrieveCurrent();
    const errors = [
      await errorOf(send()),
      await errorOf(send()),
      await errorOf(live.customers.create()),
    ];
    expect(errors.map(({ statusCode }) => statusCode)).toEqual([400, 400, 429]);
    expect(errors[2]?.headers).toMatchObject({ 'stripe-rate-limited-reason': 'global-rate' });
  });

  it('of the live stream are its own, and not those of meter events', async () => {
    const { simulator } = await open({ meterEventsLive: ONCE, meterEventStreamLive: 10_000 });
    const live = clientOf(simulator, 'sk_live_x');
    const { authentication_token: token } = await live.v2.billing.meterEventSession.create();
    const stream = clientOf(simulator, token);
    const params = { event_name: 'x', payload: { value: '1' } };
    for (let sent = 0; sent < 3; sent += 1) {
      await stream.v2.billing.meterEventStream.create({ events: [params] });
    }
    expect((await errorOf(live.v2.billing.meterEvents.create(params))).statusCode).toBe(400);
    const refused = await errorOf(live.v2.billing.meterEvents.create(params));
    expect(refused).toMatchObject({ statusCode: 429, code: 'rate_limit' });
  });

  it('of live meter events hold', async () => {
    const { simulator } = await open({ meterEventsLive: ONCE });
    const live = clientOf(simulator, 'sk_live_x');
    const send = () =>
      live.billing.meterEvents.create({ event_name: 'x', payload: { value: '1' } });
    expect((await errorOf(send())).statusCode).toBe(400);
    expect((await errorOf(send())).statusCode).toBe(429);
  });

  it('hold for each account on its own', async () => {
    const { simulator, stripe, customer } = await open({ perEndpoint: ONCE });
    await stripe.customers.retrieve(customer);
    const other = clientOf(simulator, 'sk_test_other');
    expect((await errorOf(other.customers.retrieve(customer))).statusCode).toBe(404);
  });
});
