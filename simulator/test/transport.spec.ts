import { afterEach, describe, expect, it } from 'vitest';
import {
  clientOf,
  errorOf,
  openSandbox,
  post,
  SECRET_KEY,
  type Sandbox,
} from './support/sandbox.js';

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

describe('authentication', () => {
  it('takes a sandbox key and a live key as Bearer, and answers in their mode', async () => {
    sandbox = await openSandbox();
    const live = clientOf(sandbox.simulator, 'sk_live_x');
    expect(await sandbox.stripe.customers.create()).toMatchObject({ livemode: false });
    expect(await live.customers.create()).toMatchObject({ livemode: true });
  });

  it('takes Basic with the key as the user', async () => {
    sandbox = await openSandbox();
    const credentials = Buffer.from(`${SECRET_KEY}:`).toString('base64');
    const response = await fetch(`${sandbox.simulator.url}/v1/account`, {
      headers: { Authorization: `Basic ${credentials}` },
    });
    const known = await sandbox.stripe.accounts.retrieveCurrent();
    expect(await response.json()).toEqual({ id: known.id, object: 'account' });
  });

  it.each([
    ['no header', {}],
    ['a publishable key', { Authorization: 'Bearer pk_test_x' }],
    ['another scheme', { Authorization: `Digest ${SECRET_KEY}` }],
    ['an empty key', { Authorization: 'Bearer sk_test_' }],
  ])('answers %s with 401', async (_case, headers) => {
    sandbox = await openSandbox();
    const response = await fetch(`${sandbox.simulator.url}/v1/account`, {
      headers: headers as Record<string, string>,
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({
      error: { type: 'invalid_request_error', message: expect.any(String) },
    });
  });

  it('gives each secret key an account of its own, and keeps their data apart', async () => {
    sandbox = await openSandbox();
    const other = clientOf(sandbox.simulator, 'sk_test_other');
    const ids = [sandbox.stripe, other].map((client) => client.accounts.retrieveCurrent());
    const [mine, theirs] = await Promise.all(ids);
    expect(mine?.id).toMatch(/^acct_/);
    expect(theirs?.id).not.toBe(mine?.id);
    const error = await errorOf(other.billing.meters.retrieve(sandbox.meter.id));
    expect(error.statusCode).toBe(404);
  });

  it('puts keys on one account when told so, its modes still apart', async () => {
    const accounts = { sk_test_a: 'acct_one', sk_test_b: 'acct_one', sk_live_a: 'acct_one' };
    sandbox = await openSandbox({ accounts });
    const clients = ['sk_test_a', 'sk_test_b', 'sk_live_a'];
    const [a, b, live] = clients.map((key) => clientOf(sandbox.simulator, key));
    const customer = await a!.customers.create();
    expect((await live!.accounts.retrieveCurrent()).id).toBe('acct_one');
    expect((await b!.customers.retrieve(customer.id)).id).toBe(customer.id);
    expect((await errorOf(live!.customers.retrieve(customer.id))).statusCode).toBe(404);
  });
});

describe('headers', () => {
  it('put a new Request-Id on every response, errors included', async () => {
    sandbox = await openSandbox();
    const fine = await sandbox.send('1');
    const error = await errorOf(sandbox.stripe.billing.meters.retrieve('mtr_none'));
    const refused = await fetch(`${sandbox.simulator.url}/v1/account`);
    const ids = [fine.lastResponse.requestId, error.requestId, refused.headers.get('request-id')];
    for (const id of ids) expect(id).toMatch(/^req_/);
    expect(new Set(ids).size).toBe(3);
  });

  it('tell the virtual time', async () => {
    sandbox = await openSandbox();
    const { headers } = (await sandbox.send('1')).lastResponse;
    expect(headers['date']).toBe('Fri, 30 Oct 2026 12:00:00 GMT');
  });

  it('echo the idempotency key and the version, and name the original request', async () => {
    sandbox = await openSandbox();
    const { headers, requestId } = (await sandbox.send('1', {}, 'key-1')).lastResponse;
    expect(headers['idempotency-key']).toBe('key-1');
    expect(headers['stripe-version']).toBe('2026-10-28.endive');
    expect(headers['original-request']).toBe(requestId);
    expect(headers).not.toHaveProperty('idempotent-replayed');
  });
});

describe('parameters', () => {
  const path = '/v1/billing/meter_events';
  const errorIn = async (response: Response): Promise<unknown> => {
    const { error } = (await response.json()) as { error: unknown };
    return { status: response.status, error };
  };

  it('come form-encoded with brackets, encoded or not', async () => {
    sandbox = await openSandbox();
    const { simulator, customer } = sandbox;
    const plain = `event_name=requests&payload[stripe_customer_id]=${customer}&payload[value]=2`;
    const encoded = plain.replaceAll('[', '%5B').replaceAll(']', '%5D');
    expect((await post(simulator, path, plain)).status).toBe(200);
    expect((await post(simulator, path, encoded)).status).toBe(200);
    expect(await sandbox.counted()).toBe(4);
  });

  it('that nobody knows are named with parameter_unknown', async () => {
    sandbox = await openSandbox();
    const response = await post(sandbox.simulator, path, 'event_name=requests&payload[v]=1&foo=1');
    const error = { type: 'invalid_request_error', code: 'parameter_unknown', param: 'foo' };
    expect(await errorIn(response)).toMatchObject({ status: 400, error });
  });

  it.each([
    ['event_name', 'payload[value]=1'],
    ['payload', 'event_name=requests'],
  ])('that miss are named with parameter_missing: %s', async (param, body) => {
    sandbox = await openSandbox();
    const response = await post(sandbox.simulator, path, body);
    const error = { type: 'invalid_request_error', code: 'parameter_missing', param };
    expect(await errorIn(response)).toMatchObject({ status: 400, error });
  });

  it.each(['event_name=requests&payload=x', 'event_name[a]=1&payload[v]=1', 'timestamp=now'])(
    'of the wrong kind are refused: %s',
    async (body) => {
      sandbox = await openSandbox();
      const rest = '&event_name=requests&payload[v]=1';
      const whole = body.startsWith('timestamp') ? body + rest : body;
      expect((await post(sandbox.simulator, path, whole)).status).toBe(400);
    },
  );

  it('named like members of every object are ordinary names', async () => {
    sandbox = await openSandbox();
    const body = 'name=Ada&metadata[__proto__]=x&metadata[constructor]=y';
    const response = await post(sandbox.simulator, '/v1/customers', body);
    expect(await response.text()).toContain('"__proto__": "x"');
  });
});

describe('paths', () => {
  it.each(['/v1/nothing', '/v1/billing/meter_events', '/_sim/ledger', '/v1/_sim/ledger'])(
    'that Stripe does not have are 404: GET %s',
    async (path) => {
      sandbox = await openSandbox();
      const response = await fetch(sandbox.simulator.url + path, {
        headers: { Authorization: `Bearer ${SECRET_KEY}` },
      });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
    },
  );
});

describe('a key that was rolled', () => {
  it('is not taken any more', async () => {
    sandbox = await openSandbox();
    const account = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${SECRET_KEY}` };
      return (await fetch(`${sandbox.simulator.url}/v1/account`, { headers })).status;
    };
    expect(await account()).toBe(200);
    sandbox.simulator.revokeKey(SECRET_KEY);
    expect(await account()).toBe(401);
  });
});
