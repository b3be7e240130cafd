import { afterEach, describe, expect, it } from 'vitest';
import type { Switches } from '../src/index.js';
import { clientOf, DAY, errorOf, openSandbox, post, type Sandbox } from './support/sandbox.js';

const PATH = '/v1/billing/meter_events';
const HOUR_MS = 3_600_000;

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

async function open(switches: Partial<Switches> = {}): Promise<Sandbox> {
  sandbox = await openSandbox({ switches });
  return sandbox;
}

/** An event without the SDK, so that the bytes and headers of the answer show. */
function send(key: string, value = '5', identifier = 'same'): Promise<Response> {
  const payload = `payload[stripe_customer_id]=${sandbox.customer}&payload[value]=${value}`;
  const body = `event_name=requests&identifier=${identifier}&${payload}`;
  return post(sandbox.simulator, PATH, body, { 'Idempotency-Key': key });
}

async function expectReplay(first: Response, again: Response): Promise<void> {
  expect(again.status).toBe(first.status);
  expect(await again.text()).toBe(await first.text());
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(again.headers.get('original-request')).toBe(first.headers.get('request-id'));
  expect(again.headers.get('request-id')).not.toBe(first.headers.get('request-id'));
}

describe('the same key with the same request', () => {
  it('gets the first answer again to the byte, and nothing happens twice', async () => {
    const { simulator, counted } = await open();
    const first = await send('key-1');
    simulator.advanceClock(60);
    await expectReplay(first, await send('key-1'));
    expect(await counted()).toBe(5);
    expect(simulator.ledger()).toEqual([expect.objectContaining({ attempts: 2 })]);
  });

  it('does not care about the order of parameters', async () => {
    const { simulator, customer } = await open();
    const [a, b, c] = ['event_name=requests', 'payload[value]=5', 'identifier=same'];
    const payer = `payload[stripe_customer_id]=${customer}`;
    const key = { 'Idempotency-Key': 'key-1' };
    const first = await post(simulator, PATH, [a, b, c, payer].join('&'), key);
    await expectReplay(first, await post(simulator, PATH, [c, payer, b, a].join('&'), key));
  });

  it('gets a stored 400 again, even when the reason is gone', async () => {
    const { simulator } = await open();
    await send('key-1');
    const refused = await send('key-2');
    expect(refused.status).toBe(400);
    simulator.advanceClock(DAY - 1);
    await expectReplay(refused, await send('key-2'));
  });

  it('gets a stored 500 again', async () => {
    const { simulator } = await open();
    simulator.addFault({ fault: '500BeforeCommit' });
    const failed = await send('key-1');
    expect(failed.status).toBe(500);
    await expectReplay(failed, await send('key-1'));
    expect(simulator.ledger()).toEqual([]);
  });

  it('covers other endpoints too', async () => {
    const { stripe } = await open();
    const options = { idempotencyKey: 'customer-1' };
    const [one, two] = [
      await stripe.customers.create({ name: 'Ada' }, options),
      await stripe.customers.create({ name: 'Ada' }, options),
    ];
    expect(two.id).toBe(one.id);
  });
});

describe('the same key with another request', () => {
  it.each(['6', '5.0'])('is an idempotency error: value %s in place of 5', async (value) => {
    const { simulator } = await open();
    const first = await send('key-1');
    const other = await send('key-1', value);
    expect(other.status).toBe(400);
    expect(other.headers.get('original-request')).toBe(first.headers.get('request-id'));
    expect(await other.json()).toEqual({
      error: {
        type: 'idempotency_error',
        message:
          'Keys for idempotent requests can only be used with the same parameters they were first used with. ' +
          "Try using a key other than 'key-1' if you meant to execute a different request.",
      },
    });
    expect(simulator.ledger()).toHaveLength(1);
  });

  it('is an idempotency error at another path', async () => {
    const { stripe } = await open();
    await send('key-1');
    const error = await errorOf(stripe.customers.create({}, { idempotencyKey: 'key-1' }));
    expect(error.type).toBe('StripeIdempotencyError');
  });
});

describe('the same key while its first request executes', () => {
  it('is a 409 that is not stored', async () => {
    const { simulator } = await open();
    simulator.addFault({ fault: { kind: 'slow', ms: 1000 } });
    const first = send('key-1');
    await untilCounted();
    const second = await send('key-1');
    expect(second.status).toBe(409);
    expect(await second.json()).toMatchObject({
      error: { type: 'idempotency_error', code: 'idempotency_key_in_use' },
    });
    await expectReplay(await first, await send('key-1'));
    expect(simulator.ledger()).toHaveLength(1);
  });
});

describe('a key in use', () => {
  it('does not expire before its request has ended', async () => {
    const { simulator } = await open();
    simulator.addFault({ fault: { kind: 'slow', ms: 1000 } });
    const first = send('key-1');
    await untilCounted();
    simulator.advanceClock(DAY);
    expect(await (await send('key-1')).text()).toContain('idempotency_key_in_use');
    expect((await first).status).toBe(200);
  });
});

describe('nothing is stored under the key', () => {
  it('for parameters that miss or are unknown', async () => {
    const { simulator } = await open();
    const key = { 'Idempotency-Key': 'key-1' };
    expect((await post(simulator, PATH, 'event_name=requests', key)).status).toBe(400);
    expect((await post(simulator, PATH, 'foo=1', key)).status).toBe(400);
    expect((await send('key-1')).status).toBe(200);
  });

  it('for a 401', async () => {
    const { simulator } = await open();
    const key = { 'Idempotency-Key': 'key-1', Authorization: 'Bearer nothing' };
    expect((await post(simulator, PATH, 'event_name=requests', key)).status).toBe(401);
    expect((await send('key-1')).status).toBe(200);
  });

  it.each([
    ['429Burst', 429],
    ['503', 503],
  ] as const)('for a %s', async (fault, status) => {
    const { simulator } = await open();
    simulator.addFault({ fault });
    expect((await send('key-1')).status).toBe(status);
    const again = await send('key-1');
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
  });

  it('for the second of two requests for one customer and meter', async () => {
    const { simulator } = await open();
    simulator.addFault({ fault: { kind: 'slow', ms: 1000 } });
    const first = send('key-1');
    await untilCounted();
    expect((await send('key-2', '6', 'other')).status).toBe(409);
    await first;
    expect((await send('key-2', '6', 'other')).status).toBe(200);
  });
});

describe('a key', () => {
  it.each(['idempotency_error', 'invalid_request_error'] as const)(
    'has at most 255 characters, else a 400 of type %s',
    async (longKeyErrorType) => {
      await open({ longKeyErrorType });
      expect((await send('k'.repeat(255))).status).toBe(200);
      const refused = await send('k'.repeat(256), '6', 'other');
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ error: { type: longKeyErrorType } });
    },
  );

  it('means nothing to another account or mode', async () => {
    const { simulator } = await open();
    const options = { idempotencyKey: 'key-1' };
    const clients = ['sk_test_a', 'sk_live_a', 'sk_test_b'];
    const customers = clients.map((key) =>
      clientOf(simulator, key).customers.create({ name: 'Ada' }, options),
    );
    const ids = (await Promise.all(customers)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
  });

  it('means nothing on a GET', async () => {
    const { stripe, meter } = await open();
    const options = { idempotencyKey: 'key-1' };
    await stripe.billing.meters.retrieve(meter.id, {}, options);
    await stripe.billing.meters.update(meter.id, { display_name: 'New' }, options);
    const read = await stripe.billing.meters.retrieve(meter.id, {}, options);
    expect(read.display_name).toBe('New');
    expect(read.lastResponse.headers).not.toHaveProperty('idempotent-replayed');
  });

  it('is kept a millisecond short of its time to live, and gone exactly at it', async () => {
    const { simulator } = await open({ identifierWindowMs: 'forever' });
    const first = await send('key-1');
    simulator.advanceClock(DAY - 0.001);
    await expectReplay(first, await send('key-1'));
    simulator.advanceClock(0.001);
    const again = await send('key-1');
    expect(again.status).toBe(400);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
  });
});

/** What becomes of a resend 30 hours later, by what Stripe still remembers. */
describe('a resend after 30 hours', () => {
  const [forgets, keeps] = [24 * HOUR_MS, 48 * HOUR_MS];

  async function resend(keyTtlMs: number, identifierWindowMs: number): Promise<Response> {
    const { simulator } = await open({ keyTtlMs, identifierWindowMs });
    await send('key-1');
    simulator.advanceClock(30 * 3600);
    return send('key-1');
  }

  it('with key and identifier kept is a replay', async () => {
    const response = await resend(keeps, keeps);
    expect([response.status, response.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(sandbox.simulator.ledger()).toHaveLength(1);
  });

  it('with the key kept and the identifier gone is still a replay', async () => {
    const response = await resend(keeps, forgets);
    expect([response.status, response.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(sandbox.simulator.ledger()).toHaveLength(1);
  });

  it('with the key gone and the identifier kept is refused as a duplicate', async () => {
    const response = await resend(forgets, keeps);
    expect(await response.text()).toContain('An event already exists with identifier same.');
    expect(sandbox.simulator.ledger()).toHaveLength(1);
  });

  it('with both gone counts twice', async () => {
    const response = await resend(forgets, forgets);
    expect([response.status, response.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(sandbox.simulator.ledger()).toHaveLength(2);
  });
});

/** A slow request has committed and is still in flight once the ledger shows it. */
async function untilCounted(): Promise<void> {
  while (sandbox.simulator.ledger().length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
