import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { entryDigest } from '../../src/domain/entry-digest.js';
import { formatInstantMicros } from '../../src/domain/instant.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

it('is the same number in SQL as in TypeScript', async () => {
  const entry = fc.record({
    eventKey: fc.uuid(),
    meterKey: fc.stringMatching(/^[a-z][a-z0-9_]{0,63}$/),
    start: fc.integer({ min: 946_684_800_000_000, max: 4_102_444_800_000_000 }),
    units: fc.bigInt(-(10n ** 26n), 10n ** 26n),
    isVoid: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(entry, async ({ eventKey, meterKey, start, units, isVoid }) => {
      const { rows } = await database.pool.query(
        `SELECT q::text AS quantity, entry_digest($1, $2, $3, q, $5)::text AS digest
           FROM (SELECT trim_scale($4::numeric / 1000000000000) AS q) x`,
        [eventKey, meterKey, formatInstantMicros(start), units.toString(), isVoid],
      );
      expect(BigInt(rows[0].digest)).toBe(
        entryDigest(eventKey, meterKey, start, rows[0].quantity, isVoid),
      );
    }),
    { numRuns: 300 },
  );
});
