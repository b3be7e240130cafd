import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/database/connections.js';
import { Database } from '../../src/database/database.js';
import { eventKey } from '../../src/domain/event-key.js';
import { formatInstantMicros, parseInstant } from '../../src/domain/instant.js';
import type { UsageEvent } from '../../src/domain/usage-event.js';
import { insertUsage } from '../../src/ledger/entry.store.js';
import { Recorder, type RecordingOptions } from '../../src/ledger/recorder.js';
import { loadConfig } from '../../src/config/config.js';
import { startTestApp, type TestApp } from '../support/app.js';

const NOVEMBER = '2026-11-01T00:00:00.000000Z';
const NOW = '2026-11-15T12:00:00.000Z';

let app: TestApp;
let db: Database;
let tenantId: string;
let versions: Record<string, { meter_no: number; version: number }>;

beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: NOW });
  const meters: Record<string, object> = {
    tokens: { aggregation: 'sum', dimensions: ['region'] },
    calls: { aggregation: 'count', event_types: ['tokens'] },
    users: { aggregation: 'unique_count', unique_property: 'user' },
    later: { aggregation: 'sum', billing_starts_at: '2026-11-10T00:00:00Z' },
    strict: { aggregation: 'sum', late_usage: 'reject' },
    kept: { aggregation: 'sum', late_usage: 'amend' },
  };
  for (const [key, body] of Object.entries(meters))
    await app.call('PUT', `/v1/meters/${key}`, body);
  db = new Database(app.databaseUrl, 2);
  const [tenant] = await db.work.query<{ id: string }>('SELECT tenant_id AS id FROM tenant');
  tenantId = tenant!.id;
  const settings = await db.work.query<{ key: string; meter_no: number; version: number }>(
    `SELECT key, meter_no, max(version) AS version FROM meter JOIN meter_settings USING (meter_no)
      GROUP BY key, meter_no`,
  );
  versions = Object.fromEntries(settings.map(({ key, ...rest }) => [key, rest]));
});
afterAll(async () => {
  await db.end();
  await app[Symbol.asyncDispose]();
});

let ids = 0;
function event(more: Partial<UsageEvent> = {}): UsageEvent {
  return {
    usageEventId: `row-${++ids}`,
    source: '',
    customerId: 'acme',
    meter: 'tokens',
    quantity: '1',
    occurredAt: parseInstant('2026-11-12T09:05:00Z'),
    properties: undefined,
    ...more,
  };
}

async function record(events: readonly UsageEvent[], options: RecordingOptions = {}, env = {}) {
  return new Recorder(db, loadConfig(env)).record(tenantId, events, options);
}

const keyOf = ({ source, usageEventId }: UsageEvent) => eventKey(source, usageEventId);

async function entriesOf(sent: UsageEvent): Promise<Record<string, any>[]> {
  const rows = await db.work.query<Record<string, any>>(
    `SELECT m.key AS meter, is_void, entry_no, kind, trim_scale(quantity)::text AS quantity,
            occurred_at, period_start, origin_start, revision, late, billable, settings_version,
            dimensions, unique_key
       FROM usage_entry JOIN meter m USING (tenant_id, meter_no)
      WHERE event_key = $1 ORDER BY m.key`,
    [keyOf(sent)],
  );
  return rows.map((row) => ({
    ...row,
    occurred_at: formatInstantMicros(row['occurred_at']),
    period_start: formatInstantMicros(row['period_start']),
    origin_start: formatInstantMicros(row['origin_start']),
  }));
}

async function eventOf(sent: UsageEvent) {
  const [row] = await db.work.query<Record<string, any>>(
    `SELECT source, usage_event_id, customer_id, c.customer_id AS customer, meter,
            trim_scale(quantity)::text AS quantity, occurred_at, occurred_at_sent, properties
       FROM usage_event e JOIN customer c USING (tenant_id, customer_no, customer_id)
      WHERE event_key = $1`,
    [keyOf(sent)],
  );
  return row === undefined
    ? undefined
    : { ...row, occurred_at: formatInstantMicros(row['occurred_at']) };
}

const plain = {
  is_void: false,
  entry_no: 0,
  kind: 'usage',
  occurred_at: '2026-11-12T09:05:00.000000Z',
  period_start: NOVEMBER,
  origin_start: NOVEMBER,
  revision: 0,
  late: false,
  billable: true,
  dimensions: '[]',
  unique_key: null,
};

describe('what is recorded of an event', () => {
  it('is what was sent, and what it counts in each meter', async () => {
    const sent = event({ source: 'api', quantity: '2.5', properties: { region: 'eu', seat: 7 } });
    expect(await record([sent])).toEqual([{ status: 'accepted' }]);
    expect(await eventOf(sent)).toEqual({
      source: 'api',
      usage_event_id: sent.usageEventId,
      customer_id: 'acme',
      customer: 'acme',
      meter: 'tokens',
      quantity: '2.5',
      occurred_at: '2026-11-12T09:05:00.000000Z',
      occurred_at_sent: true,
      properties: { region: 'eu', seat: 7 },
    });
    expect(await entriesOf(sent)).toEqual([
      { ...plain, meter: 'calls', quantity: '1', settings_version: versions['calls']!.version },
      {
        ...plain,
        meter: 'tokens',
        quantity: '2.5',
        dimensions: '["eu"]',
        settings_version: versions['tokens']!.version,
      },
    ]);
  });

  it('says where no time, quantity or properties were sent', async () => {
    const sent = event({ meter: 'calls', quantity: undefined, occurredAt: undefined });
    await record([sent]);
    const stored = await eventOf(sent);
    expect(stored).toMatchObject({ quantity: null, occurred_at_sent: false, properties: null });
    expect(Date.parse(stored!.occurred_at) - Date.parse(NOW)).toBeGreaterThanOrEqual(0);
    expect(Date.parse(stored!.occurred_at) - Date.parse(NOW)).toBeLessThan(600_000);
  });

  it('has the distinct value only as a hash of the tenant and the meter', async () => {
    const sent = event({ meter: 'users', quantity: undefined, properties: { user: 'ann' } });
    await record([sent]);
    const [tenant] = await db.work.query<{ key: Buffer }>('SELECT hash_key AS key FROM tenant');
    const hash = createHmac('sha256', tenant!.key)
      .update(`${versions['users']!.meter_no}:ann`)
      .digest('hex')
      .slice(0, 32);
    const [entry] = await entriesOf(sent);
    expect(entry!['quantity']).toBe('1');
    expect(entry!['unique_key'].replaceAll('-', '')).toBe(hash);
    const members = await db.work.query('SELECT unique_key FROM usage_unique');
    expect(members).toEqual([{ unique_key: entry!['unique_key'] }]);
  });

  it('adds to the totals what it says itself, digests too', async () => {
    const sums = (from: string, digest: string, quantity: string) =>
      db.work.query<object>(
        `SELECT customer_no, meter_no, period_start, sum(${quantity})::float AS quantity,
                sum(${digest})::text AS digest, max(${quantity})::float > 0 AS positive
           FROM ${from} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
      );
    const fromLedger = await sums(
      'usage_entry e JOIN meter m USING (tenant_id, meter_no)',
      'entry_digest(e.event_key, m.key, e.period_start, e.quantity, e.is_void)',
      'e.quantity',
    );
    expect(fromLedger.length).toBeGreaterThan(2);
    const totals = '(SELECT * FROM usage_delta UNION ALL SELECT * FROM usage_total) t';
    expect(await sums(totals, 'digest', 'quantity_sum')).toEqual(fromLedger);
  });

  it('is not billed where it is historical, or from before billing began', async () => {
    const historical = event();
    await record([historical], { historical: true });
    for (const entry of await entriesOf(historical))
      expect(entry).toMatchObject({ billable: false });
    const [before, at] = ['2026-11-09T23:59:59.999999Z', '2026-11-10T00:00:00Z'].map((time) =>
      event({ meter: 'later', occurredAt: parseInstant(time) }),
    );
    await record([before!, at!]);
    expect(await entriesOf(before!)).toMatchObject([
      { billable: false, late: false, revision: 0, period_start: NOVEMBER, origin_start: NOVEMBER },
    ]);
    expect(await entriesOf(at!)).toMatchObject([{ billable: true }]);
  });

  it('opens no period where it is not billed', async () => {
    const sent = event({ customerId: 'past' });
    await record([sent], { historical: true });
    const periods = await db.work.query(
      `SELECT FROM billing_period JOIN customer c USING (tenant_id, customer_no)
        WHERE c.customer_id = 'past'`,
    );
    expect(periods).toEqual([]);
  });
});

describe('a customer that nobody knows', () => {
  it('is refused where customers are not made by usage, and a known one is not', async () => {
    const env = { UNKNOWN_CUSTOMER: 'reject' };
    const [known, unknown] = [event(), event({ customerId: 'nobody' })];
    expect(await record([known, unknown], {}, env)).toMatchObject([
      { status: 'accepted' },
      { status: 'rejected', faults: [{ code: 'unknown_customer' }] },
    ]);
    expect(await eventOf(unknown)).toBeUndefined();
  });

  it('is a conflict or a duplicate all the same where the id was taken', async () => {
    const env = { UNKNOWN_CUSTOMER: 'reject' };
    const sent = event();
    await record([sent]);
    expect(await record([{ ...sent, customerId: 'nobody' }], {}, env)).toMatchObject([
      { status: 'conflict', fields: ['customer_id'] },
    ]);
  });

  it('is made once, for all of its events of a batch', async () => {
    const sent = [event({ customerId: 'fresh' }), event({ customerId: 'fresh' })];
    expect(await record(sent)).toEqual([{ status: 'accepted' }, { status: 'accepted' }]);
    const made = await db.work.query(`SELECT FROM customer WHERE customer_id = 'fresh'`);
    expect(made).toHaveLength(1);
    expect(await eventOf(sent[1]!)).toMatchObject({ customer: 'fresh' });
  });
});

describe('a period that opens', () => {
  it.each([
    ['is left to a command where its usage came after its end and the grace', '1252800', true],
    ['is the clock’s where the grace has not passed', '1253400', false],
  ])('%s', async (name, grace, backfilled) => {
    const customerId = `grace-${grace}`;
    await record(
      [event({ customerId, occurredAt: parseInstant('2026-10-20T00:00:00Z') })],
      {},
      {
        CLOSE_GRACE_SECONDS: grace,
      },
    );
    const periods = await db.work.query(
      `SELECT backfilled FROM billing_period JOIN customer c USING (tenant_id, customer_no)
        WHERE c.customer_id = $1`,
      [customerId],
    );
    expect(periods, name).toEqual([{ backfilled }, { backfilled }]);
  });
});

describe('a period of the schedule', () => {
  it('is kept as one that the own clock closes', async () => {
    const customerId = 'scheduled';
    await record([event({ customerId })]);
    const periods = await db.work.query(
      `SELECT DISTINCT of_item, backfilled, period_end
         FROM billing_period JOIN customer USING (tenant_id, customer_no) WHERE customer_id = $1`,
      [customerId],
    );
    const end = parseInstant('2026-12-01T00:00:00Z');
    expect(periods).toEqual([{ of_item: false, backfilled: false, period_end: end }]);
  });
});

describe('a period that Stripe ends', () => {
  it('is as Stripe has named it, and is kept as such', async () => {
    const customerId = 'subscribed';
    await app.call('PUT', `/v1/customers/${customerId}`, { stripe_customer_id: 'cus_1' });
    await app.call('PUT', '/v1/meters/later', { aggregation: 'sum', stripe_event_name: 'later' });
    const [start, end] = ['2026-11-05T14:23:07.000000Z', '2026-12-05T14:23:07.000000Z'];
    const account = `$1, 'acct_1', false`;
    for (const text of [
      `INSERT INTO billing_source SELECT $1, customer_no, meter_no, 1, 'stripe', '2026-11-05T14:23:07Z'
         FROM customer, meter WHERE customer_id = '${customerId}' AND key = 'later'`,
      `INSERT INTO subscription_item (tenant_id, account_id, livemode, item_id, stripe_meter_id,
              subscription_id, stripe_customer_id, event_name, starts_at, live, "interval",
              interval_count, anchor)
       VALUES (${account}, 'si_1', 'mtr_1', 'sub_1', 'cus_1', 'later', '${start}', true, 'month', 1, '${start}')`,
      `INSERT INTO item_period VALUES (${account}, 'si_1', 'mtr_1', '${start}', '${end}')`,
    ]) {
      await db.work.query(text, [tenantId]);
    }
    await db.work.query('UPDATE tenant SET gate_version = gate_version + 1');
    const sent = event({ customerId, meter: 'later' });
    await record([sent]);
    expect(await entriesOf(sent)).toMatchObject([{ period_start: start, origin_start: start }]);
    const periods = await db.work.query(
      `SELECT of_item, backfilled, period_end FROM billing_period WHERE period_start = $1`,
      [start],
    );
    expect(periods).toEqual([{ of_item: true, backfilled: false, period_end: parseInstant(end) }]);
  });
});

describe('usage of a closed period', () => {
  it('is carried, amends or is refused, as the meter says', async () => {
    const customerId = 'closed';
    const october = parseInstant('2026-10-20T00:00:00Z');
    const late = (meter: string) => event({ customerId, meter, occurredAt: october });
    await record(['calls', 'strict', 'kept'].map(late));
    const closed = await app.call('POST', '/v1/period-closes', {
      customer_id: customerId,
      as_of: NOVEMBER,
    });
    expect(closed.status, JSON.stringify(closed.body)).toBeLessThan(300);
    const [carried, refused, amending] = ['calls', 'strict', 'kept'].map(late);
    const verdicts = await record([carried!, refused!, amending!]);
    const october1 = '2026-10-01T00:00:00.000000Z';
    expect(verdicts).toMatchObject([
      { status: 'accepted', late: { billedPeriodStart: parseInstant(NOVEMBER) } },
      { status: 'rejected', faults: [{ code: 'late_usage_rejected' }] },
      { status: 'accepted', late: { billedPeriodStart: parseInstant(october1) } },
    ]);
    expect(await entriesOf(carried!)).toMatchObject([
      { period_start: NOVEMBER, origin_start: october1, revision: 0, late: true, billable: true },
    ]);
    expect(await entriesOf(amending!)).toMatchObject([
      { period_start: october1, origin_start: october1, revision: 1, late: true, billable: true },
    ]);
    expect(await eventOf(refused!)).toBeUndefined();
  });
});

describe('a database that writes fewer rows than it was asked to', () => {
  it.each([
    [{ events: 0, entries: 0 }],
    [{ events: 1, entries: 1 }],
    [{ events: 0, entries: 2 }],
    [undefined],
  ])('has nothing committed: %o', async (inserted) => {
    const tx = { isTransaction: true, query: () => Promise.resolve([inserted]) };
    const counted = { meter: { meterNo: 1, key: 'tokens', version: 1 }, quantity: '1' };
    const entry = { counted, periodStart: 0, originStart: 0, revision: 0, late: false };
    const sent = event();
    const fresh = {
      event: sent,
      eventKey: keyOf(sent),
      customerNo: 1,
      occurredAt: 0,
      entries: [entry, entry],
    };
    await expect(
      insertUsage(tx as unknown as Transaction, tenantId, [fresh as never], 0),
    ).rejects.toThrow('asked for 1 events and 2 entries');
  });
});
