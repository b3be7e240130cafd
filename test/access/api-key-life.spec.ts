import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Scope } from '../../src/access/scope.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';

interface MadeKey {
  readonly id: string;
  readonly key: string;
}

let api: TestApp;
beforeAll(async () => {
  api = await startTestApp();
});
afterAll(() => api[Symbol.asyncDispose]());

async function make(scopes: readonly Scope[], more: object = {}): Promise<MadeKey> {
  const answer = await api.call('POST', '/v1/api-keys', { name: 'made', scopes, ...more });
  expect(answer.status).toBe(201);
  return answer.body as MadeKey;
}

const by = ({ key }: MadeKey): Record<string, string> => ({ authorization: `Bearer ${key}` });

async function read(key: MadeKey): Promise<Answer> {
  return api.call('GET', '/v1/meters', undefined, by(key));
}

async function listed({ id }: MadeKey): Promise<Record<string, unknown> | undefined> {
  const { body } = await api.call('GET', '/v1/api-keys');
  return (body as { data: { id: string }[] }).data.find((each) => each.id === id);
}

describe('a key with an end', () => {
  it('is refused from its end on, though it was used just before, in the words of any other', async () => {
    const expires_at = new Date(Date.now() + 2_000).toISOString();
    const key = await make(['usage:read'], { expires_at });
    expect(await listed(key)).toMatchObject({ expires_at, revoked_at: null });
    expect((await read(key)).status).toBe(200);

    await expect.poll(async () => (await read(key)).status, { timeout: 20_000 }).toBe(401);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires_at));
    const unknown = await api.call('GET', '/v1/meters', undefined, { authorization: 'Bearer x' });
    const told = (answer: Answer) => ({ ...(answer.body as object), instance: '' });
    expect(told(await read(key))).toEqual(told(unknown));
  });
});

describe('a rotation', () => {
  it('makes a key of the same name and scopes, and lets the one before go on for the overlap', async () => {
    const key = await make(['usage:read', 'usage:write']);
    await read(key);

    const rotated = await api.call('POST', `/v1/api-keys/${key.id}/rotations`, {
      overlap_seconds: 3,
    });

    expect(rotated).toMatchObject({
      status: 201,
      body: {
        name: 'made',
        scopes: ['usage:read', 'usage:write'],
        expires_at: null,
        replaces: { id: key.id, expires_at: expect.stringMatching(/Z$/) as string },
      },
    });
    const made = rotated.body as MadeKey & { replaces: { expires_at: string } };
    expect(made.id).not.toBe(key.id);
    expect([(await read(key)).status, (await read(made)).status]).toEqual([200, 200]);
    expect(await listed(key)).toMatchObject({
      replaced_by: made.id,
      expires_at: made.replaces.expires_at,
    });
    await expect.poll(async () => (await read(key)).status, { timeout: 20_000 }).toBe(401);
    expect((await read(made)).status).toBe(200);
  });

  it('ends the one before at once where the overlap is 0, and gives it a day by default', async () => {
    const leaked = await make(['usage:read']);
    await read(leaked);
    const path = `/v1/api-keys/${leaked.id}/rotations`;
    expect((await api.call('POST', path, { overlap_seconds: 0 })).status).toBe(201);
    expect((await read(leaked)).status).toBe(401);

    const usual = await make(['usage:read']);
    const { body } = await api.call('POST', `/v1/api-keys/${usual.id}/rotations`);
    const { replaces } = body as { replaces: { expires_at: string } };
    const hours = (Date.parse(replaces.expires_at) - Date.now()) / 3_600_000;
    expect(Math.round(hours)).toBe(24);
  });

  it('gives the new key as long a life as the old one had, and never the old one a longer', async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const key = await make(['usage:read'], { expires_at });

    const { body } = await api.call('POST', `/v1/api-keys/${key.id}/rotations`);

    const made = body as { expires_at: string; replaces: { expires_at: string } };
    expect(Math.abs(Date.parse(made.expires_at) - Date.parse(expires_at))).toBeLessThan(60_000);
    expect(made.replaces.expires_at).toBe(expires_at);
  });

  it('is refused for a key that is replaced, revoked or set by the environment', async () => {
    const replaced = await make(['usage:read']);
    await api.call('POST', `/v1/api-keys/${replaced.id}/rotations`);
    const revoked = await make(['usage:read']);
    await api.call('DELETE', `/v1/api-keys/${revoked.id}`);

    for (const id of [replaced.id, revoked.id, 'bootstrap']) {
      const answer = await api.call('POST', `/v1/api-keys/${id}/rotations`);
      expect(answer).toMatchObject({ status: 409, body: { code: 'api_key_not_rotatable' } });
    }
    const none = await api.call('POST', '/v1/api-keys/none/rotations');
    expect(none).toMatchObject({ status: 404, body: { code: 'api_key_not_found' } });
  });

  it.each([-1, 1.5, '60', null, 31 * 86_400 + 1])('takes no overlap of %j', async (value) => {
    const key = await make(['usage:read']);
    const answer = await api.call('POST', `/v1/api-keys/${key.id}/rotations`, {
      overlap_seconds: value,
    });
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/overlap_seconds' }] },
    });
  });
});

describe('a key with admin alone', () => {
  it('cannot get scopes that it lacks by making or rotating keys', async () => {
    const admin = await make(['admin']);
    const other = await make(['usage:read']);

    const made = await api.call(
      'POST',
      '/v1/api-keys',
      { name: 'more', scopes: ['admin', 'billing:write'] },
      by(admin),
    );
    const rotated = await api.call(
      'POST',
      `/v1/api-keys/${other.id}/rotations`,
      undefined,
      by(admin),
    );

    expect(made).toMatchObject({ status: 403, body: { scope: 'billing:write' } });
    expect(rotated).toMatchObject({ status: 403, body: { scope: 'usage:read' } });
    expect(await listed(other)).toMatchObject({ replaced_by: null });
    const same = await api.call(
      'POST',
      '/v1/api-keys',
      { name: 'same', scopes: ['admin'] },
      by(admin),
    );
    expect(same.status).toBe(201);
  });
});

describe('the last key that may manage keys', () => {
  it('cannot be revoked, not even where two are revoked at the same moment', async () => {
    await using alone = await startTestApp();
    const last = await alone.call('DELETE', '/v1/api-keys/bootstrap');
    expect(last).toMatchObject({ status: 409, body: { code: 'last_admin_key' } });

    const body = { name: 'second', scopes: ['admin'] };
    const { id } = (await alone.call('POST', '/v1/api-keys', body)).body as MadeKey;
    const both = await Promise.all(
      ['bootstrap', id].map((key) => alone.call('DELETE', `/v1/api-keys/${key}`)),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([204, 409]);
  });
});

describe('the last use of a key', () => {
  it('is noted beside the requests, once a minute', async () => {
    const key = await make(['usage:read']);
    expect(await listed(key)).toMatchObject({ last_used_at: null });

    await Promise.all(Array.from({ length: 20 }, () => read(key)));

    const noted = async () => (await listed(key))?.['last_used_at'];
    await expect.poll(noted, { timeout: 20_000 }).toMatch(/Z$/);
    const first = await noted();
    const other = await make(['usage:read']);
    await Promise.all([read(key), read(other)]);
    const otherNoted = async () => (await listed(other))?.['last_used_at'];
    await expect.poll(otherNoted, { timeout: 20_000 }).toMatch(/Z$/);
    expect(await noted()).toBe(first);
  });

  it('is not noted of a key that was refused', async () => {
    const key = await make(['usage:read']);
    await api.call('DELETE', `/v1/api-keys/${key.id}`);
    expect((await read(key)).status).toBe(401);
    const other = await make(['usage:read']);
    await read(other);
    const noted = async () => (await listed(other))?.['last_used_at'];
    await expect.poll(noted, { timeout: 20_000 }).toMatch(/Z$/);
    expect(await listed(key)).toMatchObject({ last_used_at: null });
  });
});
