import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCustomers, customersByIdentity } from '../../src/customers/customer.store.js';
import { DEFAULT_TIMELINE } from '../../src/customers/schedule-timeline.js';
import { enterGate } from '../../src/database/gate.js';
import { createTestTenant } from '../support/tenant.js';

/** Where the order of UTF-16, of UTF-8 and of a locale differ. */
const AWKWARD = ['Z', 'a', 'ä', 'z', '\u{1F600}', '\uFFFD', ' ', 'a b', "'", '{}', 'NULL'];

describe('customers first seen in usage events', () => {
  it('are made with one number each, which their identity leads to', async () => {
    await using test = await createTestTenant();

    const numbers = await test.db.recording.transaction((tx) =>
      createCustomers(tx, test.tenantId, [...AWKWARD, ...AWKWARD]),
    );

    expect([...numbers.keys()].sort()).toEqual([...AWKWARD].sort());
    expect(new Set(numbers.values()).size).toBe(AWKWARD.length);
    const known = await customersByIdentity(test.db.recording, test.tenantId, [...AWKWARD, 'x']);
    expect(known.size).toBe(AWKWARD.length);
    for (const [id, customerNo] of numbers) {
      expect(known.get(id)).toEqual({ customerNo, timeline: DEFAULT_TIMELINE });
    }
  });

  it('are none where none are asked for', async () => {
    await using test = await createTestTenant();

    expect(
      await test.db.recording.transaction((tx) => createCustomers(tx, test.tenantId, [])),
    ).toEqual(new Map());
  });

  it('are the same for all who make them at once, in any order', async () => {
    await using test = await createTestTenant();
    const ids = Array.from({ length: 12 }, () => randomUUID());
    const batches = fc.array(fc.shuffledSubarray(ids, { minLength: 1 }), {
      minLength: 4,
      maxLength: 4,
    });

    await fc.assert(
      fc.asyncProperty(batches, async (asked) => {
        const tenantId = await test.tenants.create(randomUUID());
        const made = await Promise.all(
          asked.map((batch) =>
            test.db.recording.transaction(async (tx) => {
              await enterGate(tx, tenantId);
              return createCustomers(tx, tenantId, batch);
            }),
          ),
        );

        const known = await customersByIdentity(test.db.work, tenantId, ids);
        expect([...known.keys()].sort()).toEqual([...new Set(asked.flat())].sort());
        made.forEach((numbers, index) => {
          const expected = asked[index]!.map((id) => [id, known.get(id)!.customerNo]);
          expect([...numbers].sort()).toEqual(expected.sort());
        });
      }),
      { numRuns: 25 },
    );
  });

  it('are known to their tenant alone', async () => {
    await using test = await createTestTenant();
    const other = await test.tenants.create('other');
    await test.db.recording.transaction((tx) => createCustomers(tx, test.tenantId, ['a']));

    expect(await customersByIdentity(test.db.work, other, ['a'])).toEqual(new Map());
  });
});
