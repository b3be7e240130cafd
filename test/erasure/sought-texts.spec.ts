import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  aboutPatternOf,
  partPatternOf,
  patternOf,
  reasonPatternOf,
  withoutTexts,
} from '../../src/erasure/sought-texts.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

async function finds(pattern: string, text: string): Promise<boolean> {
  const { rows } = await database.pool.query('SELECT $1 ~ $2 AS found', [text, pattern]);
  return rows[0].found as boolean;
}

it.each([
  ['acme', '{"customer_id":"acme"}', true],
  ['acme', 'for acme.', true],
  ['acme', 'customer:acme', true],
  ['acme', '/v1/customers/acme/flushes', true],
  ['acme', '{"customer_id":"acme-2"}', false],
  ['acme', '{"customer_id":"my-acme"}', false],
  ['acme', 'info@acme.example', false],
  ['acme', 'Acme', false],
  ['a.b*c', 'x a.b*c y', true],
  ['a.b*c', 'x aXbbc y', false],
  ['say "hi"', '{"name":"say \\"hi\\""}', true],
  ['Ärger & Söhne', '{"name":"Ärger & Söhne"}', true],
  ['42', '{"quantity":42}', false],
  ['42', '{"customer_id":"42"}', true],
  ['42', 'customer:42', true],
  ['42', 'customer:421', false],
  ['42', '{"detail":"no customer goes by \\"42\\""}', true],
  ['42', '{"region":"42"}', false],
  ['100', '{"value":"100","amounts":["100"]}', false],
  ['100', '{"customer": "100"}', true],
  ['100', '{"aliases":["7","100"]}', true],
  ['100', '{"aliases":["7"],"sums":["100"]}', false],
  ['100', '{"reason":"asked for 100, by phone"}', true],
  ['100', '{"reason":"asked for 1001","value":"100"}', false],
  ['42', '{"reason":"asked for 42"}', false],
  ['cus_9', '{"customer":"cus_9"}', true],
  ['cus_9', '{"customer":"cus_99"}', false],
])('what %j is sought by is in %j: %s', async (sought, text, isThere) => {
  expect(await finds(patternOf([sought, 'never there']), text)).toBe(isThere);
});

it.each([
  ['close-acme-2026', true],
  ['acme', true],
  ['macmen', false],
  ['close-4711', true],
  ['close-47112', false],
])('a key of parts: %s', async (key, isThere) => {
  expect(await finds(partPatternOf(['acme', '7', '4711']), key)).toBe(isThere);
});

it('finds nothing in keys where there is no word to look for', async () => {
  expect(await finds(partPatternOf(['7', '42']), 'key-42')).toBe(false);
  expect(await finds(partPatternOf([]), '')).toBe(false);
  expect(await finds(patternOf([]), 'anything')).toBe(false);
});

it.each([
  ['4711', 'void for 4711, twice', true],
  ['4711', 'void for 47112', false],
  ['42', 'takes 42 back', false],
  ['42', 'for customer 42', true],
  ['acme', 'for acme', true],
])('%j in the reason %j: %s', async (sought, reason, isThere) => {
  expect(await finds(reasonPatternOf([sought]), reason)).toBe(isThere);
});

it('finds whom an event of Stripe is about', async () => {
  const pattern = aboutPatternOf(['cus_9']);
  expect(await finds(pattern, '{"object":{"customer": "cus_9"}}')).toBe(true);
  expect(await finds(pattern, '{"customer":{"id":"cus_9"}}')).toBe(true);
  expect(await finds(pattern, '{"customer":"cus_99","metadata":{"of":"cus_9"}}')).toBe(false);
  expect(await finds(aboutPatternOf([]), '{"customer":""}')).toBe(false);
});

it('takes what is sought out of a reason', () => {
  const reason = 'Jane Doe (jane, JANE@x.example) asked: art. 17 for 42';
  expect(withoutTexts(reason, ['jane', 'Jane Doe', 'jane@x.example', '42'])).toBe(
    '[erased] ([erased], [erased]) asked: art. 17 for [erased]',
  );
  expect(withoutTexts(reason, [])).toBe(reason);
});
