import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { fourEyes, outcome } from './four-eyes.js';

let test: TestApp;
beforeAll(async () => {
  test = await startTestApp();
});
afterAll(() => test[Symbol.asyncDispose]());

const BYTES_MAX = 32_768;

describe('a request for an approval', () => {
  it.each([
    ['an ASCII', 'x', 1],
    ['a long', '\u{1F426}', 4],
  ])('has at most 32 KiB, in bytes: %s character', async (_, character, bytes) => {
    const scene = await fourEyes(test, ['meter.archive']);
    const send = (text: string) => scene.asker.call('DELETE', '/v1/meters/tokens', { text });
    await send('');
    const [{ n } = { n: 0 }] = await scene.rows<{ n: number }>(
      `SELECT octet_length(concat(parameters, query, body, hidden_members)) AS n
         FROM approval WHERE tenant_id = $1`,
    );
    const most = character.repeat(Math.floor((BYTES_MAX - n) / bytes));

    expect(outcome(await send(most))).toBe('approval_required');
    expect(outcome(await send(most + character))).toBe('approval_not_possible');
  });
});
