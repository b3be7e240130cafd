import { describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE, TENANT_ROLE } from '../../src/database/roles.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { duePushes } from '../../src/push/push-due.store.js';
import type { PushBody, SendOutcome } from '../../src/stripe/push-target.js';
import { due, NOVEMBER } from './due-push.js';
import { pushProcess } from './push-process.js';
import type { PushScene } from './push-scene.js';
import { many, mapped, waiting, type WaitingPush } from './waiting-pushes.js';

const DELIVERED: SendOutcome = { kind: 'delivered' };

/** What this transaction has read of pushes, through their indexes or past them. */
const ROWS_READ = `
  SELECT current_user::text AS role,
         (pg_stat_get_xact_tuples_returned('push'::regclass)
          + (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))
               FROM pg_index WHERE indrelid = 'push'::regclass))::int AS read`;

/** The names of what is called, in their order, where each call gets the answer given. */
async function called(
  opened: PushScene,
  answer: (body: PushBody) => SendOutcome = () => DELIVERED,
): Promise<string[]> {
  const names: string[] = [];
  const { sender } = pushProcess(opened.db, opened.config, {
    send: async (_, body) => {
      names.push(body.identifier);
      return answer(body);
    },
  });
  await sender.send(opened.tenantId);
  return names;
}

describe('due pushes', () => {
  it('go closes first, then what is billed first, then what came due first', async () => {
    await using opened = await mapped();
    const pushes: Omit<WaitingPush, 'customerNo'>[] = [
      { identifier: 'later', finalizesAt: '2026-12-02T00:00:00Z', dueAgo: 900 },
      { identifier: 'due second', finalizesAt: '2026-12-01T00:00:00Z', dueAgo: 60 },
      { identifier: 'due first', finalizesAt: '2026-12-01T00:00:00Z', dueAgo: 90 },
      { identifier: 'due an hour before', finalizesAt: '2026-12-01T00:00:00Z', dueAgo: 7_200 },
      { identifier: 'closes later', closes: true, finalizesAt: '2026-12-04T00:00:00Z' },
      { identifier: 'closes', closes: true, finalizesAt: '2026-12-03T00:00:00Z' },
    ];
    await waiting(
      opened,
      pushes.map((push, index) => ({ ...push, customerNo: index + 1 })),
    );
    expect(await called(opened)).toEqual([
      'closes',
      'closes later',
      'due an hour before',
      'due first',
      'due second',
      'later',
    ]);
  });

  it('that were planned before their period was closed go with its close', async () => {
    await using scene = await due();
    await scene.usage(NOVEMBER, '2026-11-10T12:05:00Z', '5');
    await scene.now('2026-12-01T00:10:00Z');
    await scene.close(NOVEMBER, '15');
    await scene.plan(NOVEMBER);
    const rows = await scene.db.work.query(
      `SELECT value::text AS value, closes, of_closed AS "ofClosed" FROM push
        WHERE tenant_id = $1 ORDER BY sequence`,
      [scene.tenantId],
    );
    expect(rows).toEqual([
      { value: '10', closes: false, ofClosed: true },
      { value: '5', closes: true, ofClosed: true },
    ]);
  });

  it('are found by few looks though statistics know of none that wait', async () => {
    await using opened = await mapped();
    await opened.db.work.query('ALTER TABLE push SET (autovacuum_enabled = false)');
    await opened.db.work.query('ANALYZE push');
    const pushes = many(400, 5).map((push, index) => ({ ...push, dueAgo: 60 + index * 100 }));
    await waiting(opened, pushes);
    const now = Date.now() * 1_000;
    const request = {
      account: { accountId: 'acct_scene', livemode: false },
      target: 'stripe_v1',
      values: 'decimal',
      resendWindowSeconds: 60,
      now,
      tenantNow: now,
      limit: 100,
    } as const;
    const look = (db: Database) =>
      db.work.transaction(async (tx) => {
        const found = await duePushes(tx, opened.tenantId, request);
        const [row] = await tx.query<{ role: string; read: number }>(ROWS_READ);
        return { found: found.length, ...row! };
      });
    // Behind the wall between tenants not all indexes serve as they do before it.
    const behind = new Database(opened.db.url, 1, SERVICE_ROLE);
    const looks = [await look(opened.db)];
    try {
      looks.push(await withinTenant(opened.tenantId, () => look(behind)));
    } finally {
      await behind.end();
    }
    expect(looks).toMatchObject([{ found: 5 }, { found: 5, role: TENANT_ROLE }]);
    for (const { read } of looks) expect(read).toBeLessThan(pushes.length);
  });

  it('of one Stripe customer go one after the other, each in its order', async () => {
    await using opened = await mapped();
    const names = ['first', 'second', 'third'];
    await waiting(
      opened,
      names.map((identifier, index) => ({ identifier, dueAgo: 100 - index })),
    );
    expect(await called(opened)).toEqual(names);
  });

  it('that are totals never overtake the one before them', async () => {
    await using opened = await mapped();
    await waiting(opened, [
      { identifier: 'older', kind: 'total' },
      { identifier: 'newer', kind: 'total', closes: true },
      { identifier: 'delta', kind: 'delta', customerNo: 2, closes: false },
    ]);
    const busy = (): SendOutcome => ({ kind: 'try_later', why: '409', tooFast: false });
    expect((await called(opened, busy)).toSorted()).toEqual(['delta', 'older']);
    await opened.forgetBackOff();
    expect((await called(opened)).filter((name) => name !== 'delta')).toEqual(['older', 'newer']);
  });

  it('wait where one of the same Stripe customer is on its way, for another tenant too', async () => {
    await using opened = await mapped();
    const [other] = await opened.db.work.query<{ tenantId: string }>(
      `INSERT INTO tenant (name, hash_key) VALUES ('other', $1) RETURNING tenant_id AS "tenantId"`,
      [Buffer.alloc(32)],
    );
    const { tenantId } = other!;
    await opened.db.work.query(
      `INSERT INTO meter (tenant_id, meter_no, key)
       SELECT $1, meter_no, key FROM meter WHERE tenant_id = $2`,
      [tenantId, opened.tenantId],
    );
    await opened.db.work.query(
      `INSERT INTO meter_settings (tenant_id, meter_no, version, aggregation, event_types,
              value_property, late_usage, stripe_event_name, push)
       SELECT $1, meter_no, version, aggregation, event_types, value_property, late_usage,
              stripe_event_name, push
         FROM meter_settings WHERE tenant_id = $2`,
      [tenantId, opened.tenantId],
    );
    await waiting(opened, [{ identifier: 'ours' }]);
    await waiting(opened, [
      { identifier: 'theirs', tenantId },
      { identifier: 'of another', customerNo: 2, tenantId },
    ]);
    const { accounts, claimer } = opened.process();
    const account = (await accounts.of(opened.tenantId))!;
    const names = async (tenant: string): Promise<string[]> => {
      const claim = await claimer.claim(tenant, account, false);
      if (claim === undefined || 'waitMs' in claim) return [];
      return claim.pushes.map(({ identifier }) => identifier);
    };
    expect(await names(opened.tenantId)).toEqual(['ours']);
    expect(await names(tenantId)).toEqual(['of another']);
  });

  it('are called once each by three processes, one at a time for each Stripe customer', async () => {
    await using opened = await mapped({}, { switches: { processingMs: 5 } });
    const pushes = many(120, 12);
    await waiting(opened, pushes);
    const processes = [opened.process(), opened.process(), opened.process()];
    await Promise.all(processes.map(({ sender }) => sender.send(opened.tenantId)));
    const rows = await opened.pushes();
    expect(rows.filter(({ status }) => status !== 'delivered')).toEqual([]);
    expect(new Set(rows.map(({ attempts }) => attempts))).toEqual(new Set([1]));
    const { in_flight: lanes, keys } = opened.simulator.attempts();
    expect(lanes).toHaveLength(12);
    expect(new Set(lanes.map((lane) => lane.in_flight_max))).toEqual(new Set([1]));
    expect(keys.map(({ requests }) => requests)).toEqual(pushes.map(() => 1));
  });
});

describe('a process that ends between the claim and the call', () => {
  it('by itself puts back what it has not called, as it was', async () => {
    await using opened = await mapped({ STRIPE_CALLS_PER_SECOND: '5' });
    await waiting(opened, many(10, 10));
    const sent: string[] = [];
    const { sender } = pushProcess(opened.db, opened.config, {
      send: async (_, { identifier }) => {
        sent.push(identifier);
        sender.stop();
        return DELIVERED;
      },
    });
    await sender.send(opened.tenantId);
    expect(sent).toHaveLength(1);
    const left = await opened.db.work.query(
      `SELECT DISTINCT status, attempts, unknown_attempts, first_attempt_at, last_attempt_at,
              next_attempt_at <= now() - interval '1 minute' AS "isDue"
         FROM push WHERE identifier <> $1`,
      sent,
    );
    expect(left).toEqual([
      {
        status: 'pending',
        attempts: 0,
        unknown_attempts: 0,
        first_attempt_at: null,
        last_attempt_at: null,
        isDue: true,
      },
    ]);
  });

  it('by force leaves it unknown, and it is counted once', async () => {
    await using opened = await mapped();
    const pushes = many(5, 5);
    await waiting(opened, pushes);
    const { accounts, claimer } = opened.process();
    await claimer.claim(opened.tenantId, (await accounts.of(opened.tenantId))!, false);
    expect(await opened.process().sender.send(opened.tenantId)).toBe(0);
    await opened.expireLeases();
    expect(await opened.process().sender.send(opened.tenantId)).toBe(5);
    expect(await opened.pushes()).toMatchObject(
      pushes.map(() => ({ status: 'delivered', attempts: 2, unknownAttempts: 1 })),
    );
    expect(opened.counted()).toHaveLength(5);
  });
});

describe('the window in which a push may be sent again', () => {
  it('begins with the first call that may have been executed', async () => {
    await using opened = await mapped();
    await waiting(opened, [{ identifier: 'late' }]);
    await called(opened, () => ({ kind: 'try_later', why: '503', tooFast: false }));
    await opened.db.work.query(
      `UPDATE push SET first_attempt_at = now() - interval '2 days', next_attempt_at = now()`,
    );
    await called(opened, () => ({ kind: 'unknown', why: 'no answer' }));
    await opened.forgetBackOff();
    expect(await called(opened)).toEqual(['late']);
  });
});
