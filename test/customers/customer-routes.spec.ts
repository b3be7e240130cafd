import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startTestApp } from '../support/app.js';

describe('the routes of customers', () => {
  it('make, change, read and list', async () => {
    await using api = await startTestApp();

    const made = await api.call('PUT', '/v1/customers/acme', {
      name: 'Acme',
      aliases: ['a/b c'],
      stripe_customer_id: 'cus_1',
    });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      customer_id: 'acme',
      name: 'Acme',
      aliases: ['a/b c'],
      stripe_customer_id: 'cus_1',
      push: null,
      billing_period: {
        interval: 'month',
        interval_count: 1,
        anchor: '2024-01-01T00:00:00.000Z',
        timezone: 'UTC',
        effective_from: null,
      },
      created_at: expect.stringMatching(/Z$/),
    });

    const changed = await api.call('PUT', '/v1/customers/acme', {
      billing_period: { interval: 'week', timezone: 'Europe/Berlin' },
    });
    expect(changed.status).toBe(200);
    expect((changed.body as { billing_period: object }).billing_period).toEqual({
      interval: 'week',
      interval_count: 1,
      anchor: '2023-12-31T23:00:00.000Z',
      timezone: 'Europe/Berlin',
      effective_from: null,
    });

    const alias = `/v1/customers/${encodeURIComponent('a/b c')}`;
    expect((await api.call('GET', alias)).body).toEqual(changed.body);
    expect((await api.call('GET', '/v1/customers?mapped=true')).body).toEqual({
      data: [changed.body],
      next_cursor: null,
    });
    expect((await api.call('GET', '/v1/customers?mapped=false')).body).toEqual({
      data: [],
      next_cursor: null,
    });
    expect((await api.call('GET', '/v1/customers?mapped=maybe')).status).toBe(422);
    expect((await api.call('GET', '/v1/customers/none')).body).toMatchObject({
      status: 404,
      code: 'customer_not_found',
    });
  });

  it('move usage into the periods of a new schedule, from the ledger', async () => {
    await using api = await startTestApp();
    await api.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
    await api.call('POST', '/v1/test-clock', { now: '2026-11-15T00:00:00Z' });
    const events = ['2026-11-02T23:59:59.999999Z', '2026-11-03T00:00:00Z'].map((at, index) => ({
      usage_event_id: String(index),
      customer_id: 'acme',
      meter: 'tokens',
      quantity: String(index + 1),
      occurred_at: at,
    }));
    await api.call('POST', '/v1/usage-events', { events });
    const periods = async () => {
      const answer = await api.call('GET', '/v1/usage?meter=tokens&window=period');
      const { data } = answer.body as { data: { window_start: string; value: string }[] };
      return data.map(({ window_start: start, value }) => [start, value]);
    };
    expect(await periods()).toEqual([['2026-11-01T00:00:00.000Z', '3']]);

    await api.call('PUT', '/v1/customers/acme', { billing_period: { interval: 'day' } });

    expect(await periods()).toEqual([
      ['2026-11-02T00:00:00.000Z', '1'],
      ['2026-11-03T00:00:00.000Z', '2'],
    ]);
  });

  it('refuse a billing period that is a list', async () => {
    await using api = await startTestApp();
    for (const billing_period of [[], [{ interval: 'day' }], 'day']) {
      const refused = await api.call('PUT', '/v1/customers/val', { billing_period });
      expect(refused.status).toBe(422);
      expect(refused.body.errors[0]).toMatchObject({
        pointer: '/billing_period',
        code: 'invalid_type',
      });
    }
  });

  it.each([
    ['no gzip', Buffer.from('notgzip')],
    ['cut short', gzipSync('{"customer_id":"cut"}\n').subarray(0, -6)],
  ])('refuse a bulk that is %s', async (_, body) => {
    await using api = await startTestApp();
    const refused = await api.call('PUT', '/v1/customers', body, {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
    });
    expect([refused.status, refused.body?.code]).toEqual([400, 'invalid_gzip']);
  });

  it('take an id as long as it may be', async () => {
    await using api = await startTestApp();
    const path = (characters: number) => `/v1/customers/${'a'.repeat(characters)}`;

    expect((await api.call('PUT', path(255), {})).status).toBe(201);
    expect((await api.call('PUT', path(256), {})).status).toBe(422);
    const astral = encodeURIComponent('\u{1F600}'.repeat(255));
    expect((await api.call('PUT', `/v1/customers/${astral}`, {})).status).toBe(201);
  });

  it('name the owner of what is taken', async () => {
    await using api = await startTestApp();
    await api.call('PUT', '/v1/customers/one', { aliases: ['uno'], stripe_customer_id: 'cus_1' });

    expect(await api.call('PUT', '/v1/customers/two', { aliases: ['uno'] })).toMatchObject({
      status: 409,
      body: { code: 'customer_identity_in_use', identity: 'uno', customer_id: 'one' },
    });
    expect(
      await api.call('PUT', '/v1/customers/two', { stripe_customer_id: 'cus_1' }),
    ).toMatchObject({
      status: 409,
      body: { code: 'stripe_customer_id_in_use', customer_id: 'one' },
    });
  });

  it('take customers in bulk as NDJSON, gzipped or not, and as nothing else', async () => {
    await using api = await startTestApp();
    const body = '{"customer_id":"one"}\n{"customer_id":"two","push":"on"}\n';
    const ndjson = { 'content-type': 'application/x-ndjson' };

    const answer = await api.call('PUT', '/v1/customers', body, ndjson);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
    expect(
      answer.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { index: 0, customer_id: 'one', status: 'created' },
      {
        index: 1,
        customer_id: 'two',
        status: 'rejected',
        error: { pointer: '/push', code: 'invalid', detail: expect.any(String) },
      },
      { done: true, created: 1, updated: 0, unchanged: 0, rejected: 1 },
    ]);

    const zipped = await api.call('PUT', '/v1/customers', gzipSync(body), {
      ...ndjson,
      'content-encoding': 'gzip',
    });
    expect(zipped.text).toContain('"unchanged":1');
    expect(await api.call('PUT', '/v1/customers', [])).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    });
  });
});
