import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { StripeUnavailable } from '../../src/stripe/stripe-account.js';
import { StripeReads, type ReadPurpose } from '../../src/stripe/stripe-reads.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const ACCOUNT = { accountId: 'acct_1', livemode: true };

/** The reads of two processes. */
async function processes(perMonth: number): Promise<{
  readonly reads: readonly [StripeReads, StripeReads];
  readonly database: TestDatabase;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}> {
  const database = await createTestDatabase();
  const dbs = [new Database(database.url, 2), new Database(database.url, 2)] as const;
  const config = loadConfig({ STRIPE_READS_PER_MONTH: String(perMonth) });
  return {
    reads: [new StripeReads(dbs[0], config), new StripeReads(dbs[1], config)],
    database,
    async [Symbol.asyncDispose]() {
      await Promise.all(dbs.map((db) => db.end()));
      await database[Symbol.asyncDispose]();
    },
  };
}

/** How many of so many reads were allowed. */
async function allowed(
  reads: readonly StripeReads[],
  purpose: ReadPurpose,
  times: number,
): Promise<number> {
  const turns = Array.from({ length: times }, (_, index) =>
    reads[index % reads.length]!.turn(ACCOUNT, purpose),
  );
  const results = await Promise.allSettled(turns);
  const refused = results.filter((result) => result.status === 'rejected');
  for (const { reason } of refused) expect(reason).toBeInstanceOf(StripeUnavailable);
  return times - refused.length;
}

describe('reads of an account', () => {
  it('are counted over all processes: checks use half of a month’s, settling the rest', async () => {
    await using test = await processes(10);
    expect(await allowed(test.reads, 'check', 8)).toBe(5);
    expect(await allowed(test.reads, 'settle', 8)).toBe(5);
    await expect(test.reads[0].turn(ACCOUNT, 'check')).rejects.toThrow(
      /^the 5 reads of acct_1 in \d{4}-\d{2} to check with are used up/,
    );
    expect(await allowed(test.reads, 'settle', 1)).toBe(0);
  });

  it('begin anew with each month, and are each account’s own in each mode', async () => {
    await using test = await processes(2);
    expect(await allowed(test.reads, 'settle', 3)).toBe(2);
    await test.reads[0].turn({ ...ACCOUNT, livemode: false }, 'settle');
    await test.reads[0].turn({ ...ACCOUNT, accountId: 'acct_2' }, 'settle');
    await test.database.pool.query(`UPDATE stripe_reads SET month = month - interval '1 month'`);
    expect(await allowed(test.reads, 'settle', 3)).toBe(2);
  });

  it('of none a month are none', async () => {
    await using test = await processes(0);
    expect(await allowed(test.reads, 'settle', 1)).toBe(0);
  });

  it('have their turns one behind the other, whichever process reads', async () => {
    await using test = await processes(100);
    expect(await allowed(test.reads, 'settle', 8)).toBe(8);
    const { rows } = await test.database.pool.query<{ n: number; ahead: boolean }>(
      `SELECT reads AS n, last_turn_at > now() - interval '1 minute' AS ahead FROM stripe_reads`,
    );
    expect(rows).toEqual([{ n: 8, ahead: true }]);
  });
});
