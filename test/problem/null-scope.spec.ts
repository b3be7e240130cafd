import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  await app.call('PUT', '/v1/customers/acme', {});
});
afterAll(() => app[Symbol.asyncDispose]());

// A scope that came out as null in the caller's code was meant to be one, and not everything.
it.each([
  ['/v1/period-closes', {}, ['as_of', 'customer_id', 'meter', 'dry_run']],
  ['/v1/customers/acme/flushes', {}, ['meter']],
  ['/v1/replays', { mode: 'verify' }, ['customer_id', 'from', 'to']],
  ['/v1/reconciliations', {}, ['customer_id', 'meter', 'period_start']],
  ['/v1/quarantine/replays', {}, ['code', 'customer_id', 'meter', 'usage_event_id']],
])('refuses null where %s may be narrowed', async (path, body, members) => {
  const nulls = Object.fromEntries(members.map((member) => [member, null]));
  const answer = await app.call('POST', path, { ...body, ...nulls });
  expect([answer.status, answer.body.code]).toEqual([422, 'validation_failed']);
  const pointers = answer.body.errors.map(({ pointer }: { pointer: string }) => pointer);
  expect(pointers.toSorted()).toEqual(members.map((member) => `/${member}`).toSorted());
});

it('refuses what a flush does not know', async () => {
  const answer = await app.call('POST', '/v1/customers/acme/flushes', { foo: 1 });
  expect([answer.status, answer.body.errors]).toMatchObject([
    422,
    [{ pointer: '/foo', code: 'unknown_field' }],
  ]);
});
