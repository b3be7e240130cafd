import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';

interface Sent {
  readonly customer: string;
  readonly at: number;
  readonly quantity: number;
  readonly region: string | null;
  readonly user: string;
}

let app: TestApp;
let sent: Sent[];

const QUARTER = 15 * 60_000;
const FROM = Date.UTC(2026, 9, 30);
const TO = Date.UTC(2026, 10, 4);

/** Around both changes of the clocks of 1 November 2026 in North America. */
const samples = fc.sample(
  fc.record({
    customer: fc.constantFrom('a', 'b'),
    at: fc.integer({ min: FROM, max: TO - 1 }),
    quantity: fc.integer({ min: 1, max: 1_000_000 }),
    region: fc.constantFrom('eu', 'us', null),
    user: fc.constantFrom('u1', 'u2', 'u3', 'u4'),
  }),
  { numRuns: 3_000, seed: 20_261_101 },
);

beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-12-01T00:00:00Z' });
  const dimensions = ['region', 'tier'];
  for (const [key, body] of Object.entries({
    total: { aggregation: 'sum', dimensions },
    peak: { aggregation: 'max', event_types: ['total'] },
    level: { aggregation: 'last', event_types: ['total'] },
    people: {
      aggregation: 'unique_count',
      unique_property: 'user',
      event_types: ['total'],
      dimensions,
    },
    eu_only: { aggregation: 'count', event_types: ['total'], filter: { region: ['eu'] } },
  })) {
    await app.call('PUT', `/v1/meters/${key}`, body);
  }
  // Two at the very same instant would leave open which is the last.
  sent = [...new Map(samples.map((each) => [each.at, each])).values()];
  const events = sent.map((each, i) => ({
    usage_event_id: `w-${i}`,
    customer_id: each.customer,
    meter: 'total',
    quantity: each.quantity,
    occurred_at: new Date(each.at).toISOString(),
    properties: { user: each.user, ...(each.region === null ? {} : { region: each.region }) },
  }));
  const answer = await app.call('POST', '/v1/usage-events', { events });
  expect(answer.body.accepted).toBe(sent.length);
});
afterAll(() => app[Symbol.asyncDispose]());

/** The local wall clock, by Intl: nothing of ours and nothing of PostgreSQL's. */
function localLabel(at: number, timezone: string, digits: number): string {
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  }).format(at);
  return parts.slice(0, digits);
}

async function usage(query: string): Promise<any[]> {
  const answer = await app.call('GET', `/v1/usage?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.data;
}

const VALUES: Record<string, (events: Sent[]) => number> = {
  total: (events) => events.reduce((sum, each) => sum + each.quantity, 0),
  peak: (events) => Math.max(...events.map((each) => each.quantity)),
  people: (events) => new Set(events.map((each) => each.user)).size,
};

describe.each([
  'UTC',
  'Asia/Kolkata',
  'America/St_Johns',
  'America/New_York',
  'Australia/Lord_Howe',
])('windows in %s', (timezone) => {
  it.each(['total', 'peak', 'people'])(
    'of a day hold what the wall clock says, by %s',
    async (meter) => {
      const rows = await usage(
        `meter=${meter}&window=day&timezone=${timezone}&from=${new Date(FROM).toISOString()}&to=${new Date(TO).toISOString()}`,
      );
      const expected = new Map<string, Sent[]>();
      for (const each of sent) {
        const key = `${each.customer} ${localLabel(each.at, timezone, 10)}`;
        expected.set(key, [...(expected.get(key) ?? []), each]);
      }
      const got = Object.fromEntries(
        rows.map((row) => [
          `${row.customer_id} ${localLabel(Date.parse(row.window_start), timezone, 10)}`,
          [row.value, row.event_count],
        ]),
      );
      const want = Object.fromEntries(
        [...expected].map(([key, events]) => [
          key,
          [String(VALUES[meter]!(events)), events.length],
        ]),
      );
      expect(got).toEqual(want);
    },
  );

  it('of an hour lie side by side, none twice, and add up', async () => {
    const rows = await usage(
      `meter=total&window=hour&customer_id=a&timezone=${timezone}&from=${new Date(FROM).toISOString()}&to=${new Date(TO).toISOString()}`,
    );
    const spans = rows.map(
      (row) => [Date.parse(row.window_start), Date.parse(row.window_end)] as const,
    );
    for (const [i, [start]] of spans.entries())
      expect(start).toBeGreaterThanOrEqual(i === 0 ? FROM : spans[i - 1]![1]);
    for (const [i, row] of rows.entries()) {
      const [start, end] = spans[i]!;
      const inside = sent.filter(
        (each) => each.customer === 'a' && each.at >= start && each.at < end,
      );
      expect([row.value, row.event_count]).toEqual([
        String(VALUES['total']!(inside)),
        inside.length,
      ]);
      if (start !== FROM) expect(localLabel(start, timezone, 16).slice(14)).toBe('00');
    }
    const counted = rows.reduce((sum, row) => sum + row.event_count, 0);
    expect(counted).toBe(sent.filter((each) => each.customer === 'a').length);
  });
});

describe('other windows', () => {
  it('of a quarter hour hold what happened in it', async () => {
    const rows = await usage(
      `meter=total&window=quarter_hour&customer_id=b&from=${new Date(FROM).toISOString()}&to=${new Date(TO).toISOString()}`,
    );
    const expected = new Map<number, number>();
    for (const each of sent.filter((s) => s.customer === 'b')) {
      const start = Math.floor(each.at / QUARTER) * QUARTER;
      expected.set(start, (expected.get(start) ?? 0) + each.quantity);
    }
    expect(
      Object.fromEntries(rows.map((row) => [Date.parse(row.window_start), Number(row.value)])),
    ).toEqual(Object.fromEntries(expected));
  });

  it('of a month split at the local midnight', async () => {
    const rows = await usage('meter=total&window=month&customer_id=a&timezone=America/New_York');
    const november = sent.filter(
      (each) => each.customer === 'a' && each.at >= Date.parse('2026-11-01T04:00:00Z'),
    );
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({
      window_start: '2026-11-01T04:00:00.000Z',
      value: String(VALUES['total']!(november)),
    });
  });

  it('as a total take everything, and the last value is the latest', async () => {
    const latest = (customer: string) =>
      sent.filter((each) => each.customer === customer).reduce((a, b) => (b.at > a.at ? b : a));
    const rows = await usage('meter=level');
    expect(rows.map((row) => [row.customer_id, row.value])).toEqual(
      ['a', 'b'].map((customer) => [customer, String(latest(customer).quantity)]),
    );
  });

  it('by period are what the statements say', async () => {
    const rows = await usage('meter=total&window=period&customer_id=a');
    expect(rows.map((row) => row.window_start)).toEqual([
      '2026-10-01T00:00:00.000Z',
      '2026-11-01T00:00:00.000Z',
    ]);
    const october = sent.filter((each) => each.customer === 'a' && each.at < Date.UTC(2026, 10, 1));
    expect(rows[0].value).toBe(String(VALUES['total']!(october)));
  });
});

describe('groups and filters', () => {
  it('split by a dimension, the events without it in a group of their own', async () => {
    for (const meter of ['total', 'people']) {
      const rows = await usage(`meter=${meter}&customer_id=a&group_by=region`);
      const want = ['eu', 'us', null].map((region) => [
        region,
        String(
          VALUES[meter]!(sent.filter((each) => each.customer === 'a' && each.region === region)),
        ),
      ]);
      expect(new Map(rows.map((row) => [row.group.region, row.value]))).toEqual(
        new Map(want as [string, string][]),
      );
    }
  });

  it('keep only what the filter names', async () => {
    const rows = await usage('meter=total&customer_id=a&filter[region]=eu');
    const eu = sent.filter((each) => each.customer === 'a' && each.region === 'eu');
    expect(rows[0].value).toBe(String(VALUES['total']!(eu)));
    const counted = await usage('meter=eu_only&customer_id=a');
    expect(counted[0].value).toBe(String(eu.length));
  });
});

describe('a query', () => {
  it.each([
    ['meter=nothing', 404, 'meter_not_found'],
    ['meter=total&customer_id=nobody', 404, 'customer_not_found'],
    ['', 422, 'validation_failed'],
    ['meter=total&from=2026-11-01T00:07:00Z', 422, 'window_not_aligned'],
    ['meter=total&from=yesterday', 422, 'validation_failed'],
    ['meter=total&from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 422, 'validation_failed'],
    ['meter=total&window=fortnight', 422, 'validation_failed'],
    ['meter=total&timezone=Mars/Olympus', 422, 'timezone_unknown'],
    ['meter=total&group_by=planet', 422, 'dimension_unknown'],
    ['meter=total&filter[planet]=x', 422, 'dimension_unknown'],
    ['meter=total&filter[__proto__]=x', 422, 'dimension_unknown'],
    ['meter=total&filter[region]=%00', 422, 'validation_failed'],
    ['meter=total&filter[region]=eu&filter[region]=%00', 422, 'validation_failed'],
    ['meter=total&filter[%00]=x', 422, 'validation_failed'],
    ['meter=%00', 422, 'validation_failed'],
    ['meter=total&colour=red', 422, 'validation_failed'],
  ])('with %s is %i %s', async (query, status, code) => {
    const answer = await app.call('GET', `/v1/usage?${query}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('over years without usage cuts windows only where there is some', async () => {
    const rows = await usage(
      'meter=total&window=hour&customer_id=a&from=2000-01-01T00:00:00Z&to=2030-01-01T00:00:00Z',
    );
    const counted = rows.reduce((sum, row) => sum + row.event_count, 0);
    expect(counted).toBe(sent.filter((each) => each.customer === 'a').length);
  });

  it('of more windows than an answer takes is refused', async () => {
    await app.call('PUT', '/v1/meters/sparse', { aggregation: 'sum' });
    for (const at of ['2001-01-01T00:00:00Z', '2026-01-01T00:00:00Z']) {
      const event = {
        usage_event_id: at,
        customer_id: 'a',
        meter: 'sparse',
        quantity: 1,
        occurred_at: at,
      };
      expect((await app.call('POST', '/v1/usage-events', event)).status).toBe(201);
    }
    const answer = await app.call('GET', '/v1/usage?meter=sparse&window=hour');
    expect(answer).toMatchObject({ status: 422, body: { code: 'too_many_windows' } });
    expect(await usage('meter=sparse&window=day')).toHaveLength(2);
  });

  it('reads the same before and after the deltas are folded', async () => {
    const { foldAll } = await import('../../src/usage/fold.js');
    const { Database } = await import('../../src/database/database.js');
    const queries = [
      'meter=total&window=hour',
      'meter=level&window=day',
      'meter=peak',
      'meter=people&window=day&group_by=region',
    ];
    const before = await Promise.all(queries.map(usage));
    const { rows } = await app.pool.query('SELECT tenant_id FROM tenant');
    const folded = await foldAll(app.app.get(Database).work, rows[0].tenant_id);
    expect(folded).toBeGreaterThan(1_000);
    expect(await Promise.all(queries.map(usage))).toEqual(before);
  });
});
