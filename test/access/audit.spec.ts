import { randomBytes, randomUUID } from 'node:crypto';
import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { actAs } from '../../src/access/audit/actor.js';
import { audit } from '../../src/access/audit/audit.js';
import { verifyChain } from '../../src/access/audit/audit-verification.js';
import { Database } from '../../src/database/database.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { RestorationService } from '../../src/reconciliation/restore/restoration.service.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';
import { setPushStatus } from '../support/push-status.js';
import { entriesOf, tenantIdOf, type ShownEntry } from './audit-scene.js';

const KEY = 'sk_test_51AuditedAccount0key1';
const WEBHOOK_SECRET = 'whsec_never_in_the_audit';

let simulator: Simulator;
let api: TestApp;
let tenantId: string;
let boss: { id: string; key: string };
beforeAll(async () => {
  simulator = await startSimulator({ accounts: { [KEY]: 'acct_audited' } });
  api = await startTestApp({
    STRIPE_API_BASE: simulator.url,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    READBACK_STABLE_SECONDS: '0',
  });
  tenantId = await tenantIdOf(api);
  const scopes = ['usage:write', 'usage:read', 'billing:write', 'admin'];
  boss = (await api.call('POST', '/v1/api-keys', { name: 'boss', scopes })).body;
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await simulator.stop();
});

function asBoss(method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
  return api.call(method, path, body, { authorization: `Bearer ${boss.key}`, ...headers });
}

/** The entries that `work` leaves. */
async function entriesBy(work: () => Promise<unknown>): Promise<ShownEntry[]> {
  const before = await entriesOf(api);
  await work();
  return (await entriesOf(api)).slice(before.length);
}

/** A push that is there, and that no answer settled. */
async function unknownPush(): Promise<string> {
  const db = new Database(api.databaseUrl, 2);
  const identifier = randomUUID();
  await db.work.query(
    `INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status)
     VALUES ($1, $2, 1, 'pending')`,
    [tenantId, identifier],
  );
  await db.work.query(
    `INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no,
            period_start, value, "timestamp", account_id, livemode, stripe_customer_id, event_name,
            customer_key, value_key, formula, finalizes_at, transition_no, status, next_attempt_at)
     SELECT $1, $2, $3, 1, 'delta', c.customer_no, m.meter_no, now(), 1, date_trunc('hour', now()), 'acct_1', false,
            'cus_1', 'tokens', 'stripe_customer_id', 'value', 'sum', now(), 1, 'pending', now()
       FROM customer c, meter m
      WHERE c.tenant_id = $1 AND m.tenant_id = $1 ORDER BY c.customer_no, m.meter_no LIMIT 1`,
    [tenantId, identifier, randomUUID()],
  );
  await setPushStatus(db.work, tenantId, identifier, 'unknown');
  await db.end();
  return identifier;
}

interface Case {
  readonly what: string;
  readonly change: () => Promise<Answer>;
  readonly action: string;
  readonly subject?: string;
  readonly reason?: string;
  readonly before: unknown;
  readonly after: unknown;
}

const made: Record<string, string> = {};

const CASES: readonly Case[] = [
  {
    what: 'a meter that is made',
    change: () => asBoss('PUT', '/v1/meters/tokens', { aggregation: 'sum' }),
    action: 'meter.created',
    subject: 'meter:tokens',
    before: null,
    after: { key: 'tokens', aggregation: 'sum', unit: null, settings_version: 1 },
  },
  {
    what: 'a meter that changes',
    change: () => asBoss('PUT', '/v1/meters/tokens', { unit: 'tok', stripe_event_name: 'tokens' }),
    action: 'meter.changed',
    subject: 'meter:tokens',
    before: { unit: null, stripe_event_name: null, settings_version: 1 },
    after: { unit: 'tok', stripe_event_name: 'tokens', settings_version: 2 },
  },
  {
    what: 'a customer that is made',
    change: () => asBoss('PUT', '/v1/customers/acme', { name: 'Acme' }),
    action: 'customer.created',
    subject: 'customer:acme',
    before: null,
    after: { customer_id: 'acme', name: 'Acme', aliases: [], stripe_customer_id: null },
  },
  {
    what: 'a mapping',
    change: () => asBoss('PUT', '/v1/customers/acme', { stripe_customer_id: 'cus_1' }),
    action: 'customer.mapped',
    subject: 'customer:acme',
    before: { stripe_customer_id: null },
    after: { stripe_customer_id: 'cus_1', name: 'Acme' },
  },
  {
    what: 'another schedule, alias and push mode',
    change: () =>
      asBoss('PUT', '/v1/customers/acme', {
        aliases: ['acme-inc'],
        push: 'off',
        billing_period: { interval: 'day' },
      }),
    action: 'customer.changed',
    subject: 'customer:acme',
    before: { aliases: [], push: null, billing_period: { interval: 'month' } },
    after: { aliases: ['acme-inc'], push: 'off', billing_period: { interval: 'day' } },
  },
  {
    what: 'another billing source',
    change: () =>
      asBoss('PUT', '/v1/customers/acme-inc/meters/tokens/billing-period', { source: 'stripe' }),
    action: 'billing_source.changed',
    subject: 'customer:acme',
    before: { customer_id: 'acme', meter: 'tokens', source: 'schedule' },
    after: { customer_id: 'acme', meter: 'tokens', source: 'stripe' },
  },
  {
    what: 'a close',
    change: () => asBoss('POST', '/v1/period-closes', { as_of: '2026-01-01T00:00:00Z' }),
    action: 'period.closed',
    before: null,
    after: {
      as_of: '2026-01-01T00:00:00.000Z',
      customer_id: null,
      meter: null,
      by_clock: false,
      due: 0,
    },
  },
  {
    what: 'a close of one customer and one meter',
    change: () => asBoss('POST', '/v1/period-closes', { customer_id: 'acme', meter: 'tokens' }),
    action: 'period.closed',
    before: null,
    after: { customer_id: 'acme', meter: 'tokens' },
  },
  {
    what: 'a push that is resolved',
    change: async () => {
      made['push'] = await unknownPush();
      return asBoss('POST', `/v1/pushes/${made['push']}/resolutions`, {
        as: 'delivered',
        reason: 'seen in the Dashboard',
      });
    },
    action: 'push.resolved',
    reason: 'seen in the Dashboard',
    before: { status: 'unknown' },
    after: { status: 'delivered', as: 'delivered' },
  },
  {
    what: 'a repair',
    change: async () => {
      const { body } = await asBoss('POST', '/v1/reconciliations', {});
      return asBoss('POST', `/v1/reconciliations/${body.id}/repairs`, { dry_run: false });
    },
    action: 'repair.applied',
    before: null,
    after: { lanes: 0, effect: '0', actions: [] },
  },
  {
    what: 'a Stripe account',
    change: () =>
      asBoss('PUT', '/v1/stripe-account', { secret_key: KEY, webhook_secrets: [WEBHOOK_SECRET] }),
    action: 'stripe_account.changed',
    subject: 'stripe_account',
    before: null,
    after: { account_id: 'acct_audited', livemode: false, webhook_secret_count: 1 },
  },
  {
    what: 'a Stripe account that is removed',
    change: () => asBoss('DELETE', '/v1/stripe-account'),
    action: 'stripe_account.removed',
    subject: 'stripe_account',
    before: { account_id: 'acct_audited' },
    after: null,
  },
  {
    what: 'an event of Stripe that is brought back',
    change: async () => {
      await api.pool.query(
        `INSERT INTO stripe_event (tenant_id, event_id, type, livemode, received_at, body, outcome,
                effects, give_up_at, settled_at)
         VALUES ($1, 'evt_1', 'invoice.created', false, now(), '{}', 'dead', '[]', now(), now())`,
        [tenantId],
      );
      return asBoss('POST', '/v1/stripe-events/evt_1/retries');
    },
    action: 'stripe_event.retried',
    subject: 'stripe_event:evt_1',
    before: { outcome: 'dead' },
    after: { outcome: 'pending' },
  },
  {
    what: 'a test clock',
    change: () => asBoss('POST', '/v1/test-clock', { now: '2030-01-01T00:00:00Z' }),
    action: 'test_clock.set',
    subject: 'test_clock',
    before: { now: expect.stringMatching(/^20/) },
    after: { now: '2030-01-01T00:00:00.000Z' },
  },
  {
    what: 'a key that is made',
    change: async () => {
      const answer = await asBoss('POST', '/v1/api-keys', {
        name: 'reader',
        scopes: ['usage:read'],
      });
      made['key'] = answer.body.id;
      return answer;
    },
    action: 'api_key.created',
    before: null,
    after: { name: 'reader', scopes: ['usage:read'] },
  },
  {
    what: 'a key that is revoked',
    change: () => asBoss('DELETE', `/v1/api-keys/${made['key']}`),
    action: 'api_key.revoked',
    before: { name: 'reader', revoked_at: null },
    after: { name: 'reader', revoked_at: expect.stringMatching(/Z$/) },
  },
  {
    what: 'a meter that is archived',
    change: () => asBoss('DELETE', '/v1/meters/tokens'),
    action: 'meter.archived',
    subject: 'meter:tokens',
    before: { archived: false },
    after: { archived: true },
  },
];

describe('a change by an API key', () => {
  it.each(CASES)('leaves one entry: $what', async ({ change, ...expected }) => {
    const entries = await entriesBy(async () => {
      const { status, text } = await change();
      expect([status, text]).toEqual([expect.toSatisfy((s: number) => s < 300), text]);
    });

    expect(entries).toHaveLength(1);
    const [entry] = entries;
    expect(entry).toMatchObject({
      action: expected.action,
      actor: { kind: 'api_key', id: boss.id, name: 'boss' },
      reason: expected.reason ?? null,
      erased: false,
    });
    if (expected.subject !== undefined) expect(entry!.subject).toBe(expected.subject);
    else expect(entry!.subject).toMatch(/^[a-z_]+:.+/);
    for (const side of ['before', 'after'] as const) {
      if (expected[side] === null) expect(entry![side]).toBeNull();
      else expect(entry![side]).toMatchObject(expected[side] as object);
    }
  });

  it('that changes nothing leaves none', async () => {
    const entries = await entriesBy(async () => {
      await asBoss('PUT', '/v1/customers/acme', { name: 'Acme', stripe_customer_id: 'cus_1' });
      await asBoss('POST', `/v1/pushes/${made['push']}/resolutions`, {
        as: 'delivered',
        reason: 'again',
      });
      await asBoss('DELETE', `/v1/api-keys/${made['key']}`);
      await asBoss('DELETE', '/v1/meters/tokens');
      await asBoss('POST', '/v1/period-closes', { dry_run: true });
    });
    expect(entries).toEqual([]);
  });

  it('that is refused leaves none', async () => {
    await asBoss('PUT', '/v1/customers/other', { stripe_customer_id: 'cus_other' });
    const entries = await entriesBy(async () => {
      const refused = [
        await asBoss('PUT', '/v1/customers/acme', { stripe_customer_id: 'cus_other' }),
        await asBoss('POST', '/v1/period-closes', { as_of: '2999-01-01T00:00:00Z' }),
        await asBoss('POST', '/v1/pushes/none/resolutions', { as: 'delivered', reason: 'x' }),
        await asBoss('DELETE', '/v1/api-keys/none'),
        await asBoss('DELETE', '/v1/stripe-account'),
        await asBoss('POST', '/v1/stripe-events/evt_1/retries'),
      ];
      for (const { status } of refused) expect(status).toBeGreaterThanOrEqual(400);
    });
    expect(entries).toEqual([]);
  });
});

describe('customers in bulk', () => {
  it('leave one entry each, by whoever sent them, however many transactions they take', async () => {
    const lines = Array.from({ length: 1_200 }, (_, n) =>
      JSON.stringify({ customer_id: `bulk-${n}`, stripe_customer_id: `cus_bulk_${n}` }),
    );
    const entries = await entriesBy(async () => {
      const headers = { 'content-type': 'application/x-ndjson' };
      const { status } = await asBoss('PUT', '/v1/customers', lines.join('\n'), headers);
      expect(status).toBe(200);
    });
    expect(entries.map(({ subject }) => subject)).toEqual(
      lines.map((_, n) => `customer:bulk-${n}`),
    );
    expect(new Set(entries.map(({ actor, action }) => `${actor.id} ${action}`))).toEqual(
      new Set([`${boss.id} customer.mapped`]),
    );
  });
});

describe('what nobody asked for', () => {
  it('is the system: a close by the own clock, one entry for all its periods', async () => {
    await asBoss('PUT', '/v1/meters/calls', { aggregation: 'sum' });
    await asBoss('POST', '/v1/test-clock', { now: '2026-03-05T00:00:00Z' });
    await asBoss('POST', '/v1/usage-events', {
      events: ['a', 'b', 'c'].map((customer) => ({
        usage_event_id: `clock-${customer}`,
        customer_id: customer,
        meter: 'calls',
        quantity: '1',
        occurred_at: '2026-03-04T12:00:00Z',
      })),
    });
    await asBoss('POST', '/v1/test-clock', { now: '2026-05-02T00:00:00Z' });
    const entries = await entriesBy(() =>
      api.app.get(PeriodCloser).closeByClock(tenantId, () => false),
    );
    expect(entries).toMatchObject([
      {
        action: 'period.closed',
        actor: { kind: 'system', id: null, name: null },
        after: { by_clock: true, due: 3 },
      },
    ]);
  });

  it('tells of a restoration when it begins and when it has ended', async () => {
    const entries = await entriesBy(() =>
      actAs({ kind: 'command_line', id: 'root@db' }, () =>
        api.app
          .get(RestorationService)
          .restore({ dryRun: false, acceptsUnread: true, isStopping: () => false }),
      ),
    );
    expect(entries.map(({ action, actor }) => [action, actor.kind, actor.id])).toEqual([
      ['restoration.begun', 'command_line', 'root@db'],
      ['restored', 'command_line', 'root@db'],
    ]);
  });
});

describe('the chain', () => {
  it('goes on from hash to hash, and holds', async () => {
    const entries = await entriesOf(api);
    expect(entries[0]!.previous_hash).toBe('0'.repeat(64));
    entries.forEach(({ sequence, previous_hash }, n) => {
      expect(sequence).toBe(n + 1);
      if (n > 0) expect(previous_hash).toBe(entries[n - 1]!.hash);
    });
    const db = new Database(api.databaseUrl, 1);
    const report = await verifyChain(db.work, tenantId);
    await db.end();
    expect(report).toMatchObject({ entries: entries.length, faults: 0, erased: 0 });
    expect(report.head!.hash.toString('hex')).toBe(entries.at(-1)!.hash);
  });

  it('knows no secret', async () => {
    const { rows } = await api.pool.query<{ all: string }>(
      `SELECT string_agg(e::text, ' ') AS all FROM audit_entry e`,
    );
    for (const secret of [KEY, WEBHOOK_SECRET, boss.key, api.apiKey]) {
      expect(rows[0]!.all).not.toContain(secret);
    }
    expect(rows[0]!.all).toContain('acct_audited');
  });

  it('loses its entry with the transaction', async () => {
    const db = new Database(api.databaseUrl, 1);
    const entries = await entriesBy(() =>
      expect(
        db.work.transaction(async (tx) => {
          await audit(tx, tenantId, { action: 'meter.changed', subject: 'meter:x' });
          throw new Error('rolled back');
        }),
      ).rejects.toThrow('rolled back'),
    );
    await db.end();
    expect(entries).toEqual([]);
  });

  it('is one, however many write to it at once', async () => {
    const keys = api.app.get(ApiKeyService);
    const entries = await entriesBy(() =>
      Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          n % 2 === 0
            ? asBoss('PUT', `/v1/customers/at-once-${n}`, {})
            : keys.create(tenantId, `key ${n}`, ['usage:read']),
        ),
      ),
    );
    expect(entries).toHaveLength(100);
    const db = new Database(api.databaseUrl, 1);
    const report = await verifyChain(db.work, tenantId);
    await db.end();
    expect(report).toMatchObject({ faults: 0, entries: entries.at(-1)!.sequence });
  });
});

describe('the list of entries', () => {
  it('shows the newest first, a page at a time', async () => {
    const all = await entriesOf(api);
    const first = await api.call('GET', '/v1/audit-entries?limit=2');
    const second = await api.call(
      'GET',
      `/v1/audit-entries?limit=2&cursor=${first.body.next_cursor}`,
    );
    const newest = all.toReversed().slice(0, 4);
    expect([...first.body.data, ...second.body.data]).toEqual(newest);
  });

  it('is filtered by action, actor, subject and time', async () => {
    const mapped = await entriesOf(api, '&action=customer.mapped&subject=customer:acme');
    expect(mapped).toHaveLength(1);
    const bySystem = await entriesOf(api, '&actor=system');
    expect(new Set(bySystem.map(({ action }) => action))).toEqual(
      new Set(['api_key.created', 'period.closed']),
    );
    expect(bySystem.every(({ actor }) => actor.kind === 'system')).toBe(true);
    const byBoss = await entriesOf(api, `&actor=${boss.id}`);
    expect(byBoss.every(({ actor }) => actor.id === boss.id)).toBe(true);
    expect(byBoss.length).toBeGreaterThan(CASES.length);
    expect(await entriesOf(api, '&to=2020-01-01T00:00:00Z')).toEqual([]);
    expect(await entriesOf(api, '&from=2199-01-01T00:00:00Z')).toEqual([]);
    expect(await entriesOf(api, '&from=2020-01-01T00:00:00Z')).toEqual(await entriesOf(api));
  });

  it.each([
    ['from=yesterday', '/from'],
    ['to=1', '/to'],
    ['order=random', '/order'],
    ['action=%00', '/action'],
  ])('refuses %s', async (query, pointer) => {
    expect(await api.call('GET', `/v1/audit-entries?${query}`)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer }] },
    });
  });

  it('is for keys with the scope admin', async () => {
    const scopes = ['usage:write', 'usage:read', 'usage:adjust', 'billing:write'];
    const { body } = await api.call('POST', '/v1/api-keys', { name: 'all but admin', scopes });
    const headers = { authorization: `Bearer ${body.key}` };
    expect(await api.call('GET', '/v1/audit-entries', undefined, headers)).toMatchObject({
      status: 403,
      body: { code: 'insufficient_scope' },
    });
  });
});
