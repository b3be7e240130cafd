import { describe, expect, it } from 'vitest';
import { UnreplicatedCommit, type Transaction } from '../../src/database/connections.js';
import type { Database } from '../../src/database/database.js';
import { timeOfDay } from '../../src/database/time-of-day.js';
import { parseInstant } from '../../src/domain/instant.js';
import { PushClaimer } from '../../src/push/push-claimer.js';
import { duePushes, type DueRequest } from '../../src/push/push-due.store.js';
import { StripePace } from '../../src/stripe/stripe-pace.js';
import type { PushScene } from './push-scene.js';
import { many, mapped, waiting } from './waiting-pushes.js';

type Work = <T>(inside: (tx: Transaction) => Promise<T>) => Promise<T>;

const BROKEN = new Error('the connection broke');

async function setUp(pushes: Parameters<typeof waiting>[1], env: Record<string, string> = {}) {
  const scene = await mapped(env);
  await waiting(scene, pushes);
  const account = (await scene.process().accounts.of(scene.tenantId))!;
  return { scene, account };
}

/** A claimer whose transactions end otherwise than the server's. */
function claimerWith(scene: PushScene, transaction: (really: Work) => Work): PushClaimer {
  const { work } = scene.db;
  const really: Work = (inside) => work.transaction(inside);
  const db = { work: { query: work.query.bind(work), transaction: transaction(really) } };
  return new PushClaimer(
    db as unknown as Database,
    scene.config,
    new StripePace(scene.config, scene.db),
  );
}

/** The period of customer 1 is one of a Stripe item: of its invoice nothing is known. */
async function ofItem(scene: PushScene, periodEnd: string): Promise<void> {
  await scene.db.work.query(
    `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end,
                                 backfilled, of_item)
     VALUES ($1, 1, 1, '2026-11-01Z', $2, false, true)`,
    [scene.tenantId, periodEnd],
  );
}

const afterCommit =
  (error: Error) =>
  (really: Work): Work =>
  async (inside) => {
    await really(inside);
    throw error;
  };

describe('a claim', () => {
  it('that another sender was faster with is tried again in a moment', async () => {
    const { scene, account } = await setUp(many(1, 1));
    await using _ = scene;
    const taken = Object.assign(new Error('duplicate key'), { constraint: 'push_in_flight_key' });
    const claimer = claimerWith(scene, () => () => Promise.reject(taken));
    expect(await claimer.claim(scene.tenantId, account, false)).toEqual({ waitMs: 1 });
    const other = Object.assign(new Error('duplicate key'), { constraint: 'push_pkey' });
    const failing = claimerWith(scene, () => () => Promise.reject(other));
    await expect(failing.claim(scene.tenantId, account, false)).rejects.toBe(other);
  });

  it('fails with what made it fail, where nothing was claimed', async () => {
    const { scene, account } = await setUp([]);
    await using _ = scene;
    const before = claimerWith(scene, () => () => Promise.reject(BROKEN));
    await expect(before.claim(scene.tenantId, account, false)).rejects.toBe(BROKEN);
    const idle = claimerWith(scene, afterCommit(BROKEN));
    await expect(idle.claim(scene.tenantId, account, false)).rejects.toBe(BROKEN);
  });

  it('fails with what made it fail, where there was no turn', async () => {
    const { scene, account } = await setUp(many(9, 9), { STRIPE_CALLS_PER_SECOND: '1' });
    await using _ = scene;
    const { claimer } = scene.process();
    const claimed: unknown[] = [];
    while (claimed.length < 3) claimed.push(await claimer.claim(scene.tenantId, account, false));
    const none = await claimer.claim(scene.tenantId, account, false);
    expect(none).toEqual({ waitMs: expect.any(Number) });
    const waiting = claimerWith(scene, afterCommit(BROKEN));
    await expect(waiting.claim(scene.tenantId, account, false)).rejects.toBe(BROKEN);
  });

  it('that may not outlive a failover is left alone until its lease is over', async () => {
    const { scene, account } = await setUp(many(1, 1));
    await using _ = scene;
    const error = new UnreplicatedCommit();
    const claimer = claimerWith(scene, afterCommit(error));
    await expect(claimer.claim(scene.tenantId, account, false)).rejects.toBe(error);
    expect(await scene.pushes()).toMatchObject([{ status: 'sending' }]);
  });

  it('is what it was where only its answer was lost', async () => {
    const { scene, account } = await setUp(many(2, 2));
    await using _ = scene;
    const claimer = claimerWith(scene, afterCommit(BROKEN));
    const claim = await claimer.claim(scene.tenantId, account, false);
    expect(claim).toMatchObject({ pushes: [{}, {}], isAll: true });
  });
});

describe('a batch', () => {
  it('is of what is called in a second, one at least and a thousand at most', async () => {
    await using scene = await mapped();
    const { claimer } = scene.process();
    const sizes = [0.5, 40, 40.2, 1_000, 5_000].map((rate) => claimer.batchSize(rate));
    expect(sizes).toEqual([1, 40, 41, 1_000, 1_000]);
  });

  it.each([
    [6, 5, false],
    [5, 5, false],
    [4, 4, true],
  ])('of %d that are due at 5 a second has %d; that it is all: %s', async (waits, size, isAll) => {
    const { scene, account } = await setUp(many(waits, waits), { STRIPE_CALLS_PER_SECOND: '5' });
    await using _ = scene;
    const claim = await scene.process().claimer.claim(scene.tenantId, account, false);
    expect(claim).toMatchObject({ isAll, pushes: Array.from({ length: size }, () => ({})) });
  });

  it('has the turns of its pushes with it', async () => {
    const { scene, account } = await setUp(many(2, 2));
    await using _ = scene;
    const { claimer, pace } = scene.process();
    const leased = () => scene.db.work.query('SELECT leased_until FROM stripe_pace');
    await claimer.claim(scene.tenantId, account, false);
    const before = await leased();
    await pace.turn(account, 1);
    await pace.turn(account, 1);
    expect(await leased()).toEqual(before);
    await pace.turn(account, 1);
    expect(await leased()).not.toEqual(before);
  });

  it('is none while what Stripe holds is read back', async () => {
    const { scene, account } = await setUp(many(1, 1));
    await using _ = scene;
    await scene.db.work.query('UPDATE installation SET restoring_since = now()');
    const { claimer } = scene.process();
    expect(await claimer.claim(scene.tenantId, account, false)).toBeUndefined();
  });

  it('goes by the clock of its tenant', async () => {
    const { scene, account } = await setUp(many(1, 1));
    await using _ = scene;
    // Its invoice is a draft still by the tenant's clock, and was final long ago by the database's.
    await ofItem(scene, '2026-11-11T00:00:00Z');
    const claim = await scene.process().claimer.claim(scene.tenantId, account, false);
    expect(claim).toMatchObject({ pushes: [{}] });
    const clocks = await scene.db.work.query(
      `SELECT FROM push p JOIN tenant t USING (tenant_id)
        WHERE p.clock_offset_micros = t.clock_offset_micros AND t.clock_offset_micros <> 0`,
    );
    expect(clocks).toHaveLength(1);
  });
});

describe('a probe', () => {
  it('is of one push, where none is unknown of one that came due first', async () => {
    const { scene, account } = await setUp([
      { identifier: 'late', customerNo: 1, dueAgo: 60 },
      { identifier: 'early', customerNo: 2, dueAgo: 7_200 },
    ]);
    await using _ = scene;
    const claim = await scene.process().claimer.claim(scene.tenantId, account, true);
    expect(claim).toMatchObject({ pushes: [{ identifier: 'early' }] });
  });
});

describe('what is due', () => {
  const found = (scene: PushScene, changed: Partial<DueRequest> = {}): Promise<string[]> =>
    scene.db.work.transaction(async (tx) => {
      const now = await timeOfDay(tx);
      return duePushes(tx, scene.tenantId, {
        account: { accountId: 'acct_scene', livemode: false },
        target: 'stripe_v1',
        values: 'decimal',
        resendWindowSeconds: 3_600,
        now,
        tenantNow: now,
        limit: 10,
        ...changed,
      });
    });

  it('is no more than there is room for, of closed periods and of open ones together', async () => {
    const { scene } = await setUp([
      { identifier: 'closes', customerNo: 1, closes: true },
      { identifier: 'a', customerNo: 2, dueAgo: 90 },
      { identifier: 'b', customerNo: 3, dueAgo: 80 },
      { identifier: 'c', customerNo: 4, dueAgo: 70 },
    ]);
    await using _ = scene;
    expect(await found(scene, { limit: 1 })).toEqual(['closes']);
    expect(await found(scene, { limit: 2 })).toHaveLength(2);
    expect(await found(scene)).toEqual(['closes', 'a', 'b', 'c']);
  });

  it('of one Stripe customer is what a closed period owes, before all else', async () => {
    const { scene } = await setUp([
      { identifier: 'open', customerNo: 1, dueAgo: 7_200 },
      { identifier: 'closes', customerNo: 1, closes: true },
    ]);
    await using _ = scene;
    expect(await found(scene)).toEqual(['closes']);
  });

  it('is no value that the target does not take', async () => {
    const { scene } = await setUp(many(3, 3));
    await using _ = scene;
    await scene.db.work.query(
      `UPDATE push SET value = CASE customer_no WHEN 1 THEN 1.5 WHEN 2 THEN 0 ELSE 2 END`,
    );
    expect(await found(scene)).toHaveLength(3);
    expect(await found(scene, { values: 'positive_integer' })).toHaveLength(1);
  });

  it('is nothing of an item whose invoice may be final within half a minute', async () => {
    const { scene } = await setUp(many(1, 1));
    await using _ = scene;
    await ofItem(scene, '2026-11-11T00:00:00Z');
    const final = parseInstant('2026-11-11T01:00:00Z')!;
    expect(await found(scene, { tenantNow: final - 31_000_000 })).toHaveLength(1);
    expect(await found(scene, { tenantNow: final - 30_000_000 })).toEqual([]);
    expect(await found(scene, { tenantNow: final - 1_000_000 })).toEqual([]);
  });
});

describe('what is due of closed periods', () => {
  it('goes in the order it came due where it is billed at one time', async () => {
    const { scene, account } = await setUp([
      { identifier: 'late', customerNo: 1, closes: true, dueAgo: 10 },
      { identifier: 'early', customerNo: 2, closes: true, dueAgo: 20 },
      { identifier: 'open', customerNo: 3, dueAgo: 7_200 },
      { identifier: 'first', customerNo: 4, closes: true, finalizesAt: '2026-11-30T00:00:00Z' },
    ]);
    await using _ = scene;
    const claim = await scene.process().claimer.claim(scene.tenantId, account, false);
    if (claim === undefined || 'waitMs' in claim) throw new Error('nothing was claimed');
    const names = claim.pushes.map(({ identifier }) => identifier);
    expect(names).toEqual(['first', 'early', 'late', 'open']);
  });
});
