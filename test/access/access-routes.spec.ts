import { describe, expect, it } from 'vitest';
import { startTestApp } from '../support/app.js';

describe('the routes of API keys', () => {
  it('show a key once, list it without, and revoke it', async () => {
    await using api = await startTestApp();

    const made = await api.call('POST', '/v1/api-keys', { name: 'reader', scopes: ['usage:read'] });
    expect(made.status).toBe(201);
    const { id, key } = made.body as { id: string; key: string };
    expect(made.body).toEqual({
      id: key.slice(3, 13),
      key: expect.stringMatching(/^co_/),
      name: 'reader',
      scopes: ['usage:read'],
      created_at: expect.stringMatching(/Z$/),
      expires_at: null,
    });

    const reader = { authorization: `Bearer ${key}` };
    expect((await api.call('GET', '/v1/meters', undefined, reader)).status).toBe(200);
    expect(await api.call('GET', '/v1/api-keys', undefined, reader)).toMatchObject({
      status: 403,
      body: { code: 'insufficient_scope' },
    });

    const listed = await api.call('GET', '/v1/api-keys');
    expect(listed.text).not.toContain(key);
    expect((listed.body as { data: { id: string }[] }).data.map((each) => each.id).sort()).toEqual(
      ['bootstrap', id].sort(),
    );

    expect((await api.call('DELETE', `/v1/api-keys/${id}`)).status).toBe(204);
    expect((await api.call('GET', '/v1/meters', undefined, reader)).status).toBe(401);
    expect((await api.call('DELETE', '/v1/api-keys/none')).body).toMatchObject({
      code: 'api_key_not_found',
    });
  });

  it.each([
    [{ name: 'a', scopes: [] }, '/scopes'],
    [{ name: 'a', scopes: ['root'] }, '/scopes'],
    [{ name: 'a', scopes: ['admin', 'admin'] }, '/scopes'],
    [{ name: '', scopes: ['admin'] }, '/name'],
    [{ scopes: ['admin'] }, '/name'],
    [{ name: 'a', scopes: ['admin'], expires_at: '2020-01-01T00:00:00Z' }, '/expires_at'],
    [{ name: 'a', scopes: ['admin'], expires_at: 'tomorrow' }, '/expires_at'],
    [{ name: 'a', scopes: ['admin'], expires_at: null }, '/expires_at'],
  ])('refuse %j', async (body, pointer) => {
    await using api = await startTestApp();

    expect(await api.call('POST', '/v1/api-keys', body)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer }] },
    });
  });
});

describe('the route of the test clock', () => {
  it('sets it and gives it back', async () => {
    await using api = await startTestApp();

    expect(
      await api.call('POST', '/v1/test-clock', { now: '2026-12-01T01:00:00+01:00' }),
    ).toMatchObject({ status: 200, body: { now: '2026-12-01T00:00:00.000Z' } });
    const back = await api.call('POST', '/v1/test-clock', { now: null });
    const { now } = back.body as { now: string };
    expect(Math.abs(Date.parse(now) - Date.now())).toBeLessThan(60_000);
    expect((await api.call('POST', '/v1/test-clock', {})).status).toBe(422);
  });

  it('is closed where the Stripe key is a live one', async () => {
    await using api = await startTestApp({ STRIPE_SECRET_KEY: 'sk_live_123' });

    expect(await api.call('POST', '/v1/test-clock', { now: '2026-12-01T00:00:00Z' })).toMatchObject(
      { status: 409, body: { code: 'test_clock_live' } },
    );
    // Back to the real time it may always go.
    expect((await api.call('POST', '/v1/test-clock', { now: null })).status).toBe(200);
  });
});
