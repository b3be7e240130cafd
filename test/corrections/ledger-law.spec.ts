import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { foldAll } from '../../src/usage/fold.js';
import { Database } from '../../src/database/database.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { digestOfLedger, rebuiltDifference } from './ledger-checks.js';

const METERS = {
  sums: { aggregation: 'sum' },
  amended_sums: { aggregation: 'sum', late_usage: 'amend' },
  counts: { aggregation: 'count' },
  amended_counts: { aggregation: 'count', late_usage: 'amend' },
  peaks: { aggregation: 'max' },
  lasts: { aggregation: 'last' },
  users: { aggregation: 'unique_count', unique_property: 'user' },
} as const;
type MeterKey = keyof typeof METERS;

interface Recorded {
  readonly id: string;
  readonly day: number;
  readonly at: number;
  readonly quantity: number;
  readonly user: string;
}

const DAY_MS = 86_400_000;
const FIRST_DAY = Date.parse('2026-10-05T00:00:00Z');
const iso = (day: number, at = 0): string => new Date(FIRST_DAY + day * DAY_MS + at).toISOString();

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      day: fc.integer({ min: 0, max: 2 }),
      // Few quarter hours, so that voided and standing usage share totals.
      at: fc.integer({ min: 0, max: 40 }).map((minutes) => minutes * 60_000),
      quantity: fc.integer({ min: -3, max: 20 }),
      user: fc.constantFrom('a', 'b', 'c'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('void' as const), which: fc.nat() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('close', 'fold', 'seal') }),
  },
);

let app: TestApp;
let db: Database;
let tenantId: string;
beforeAll(async () => {
  app = await startTestApp();
  db = new Database(app.databaseUrl, 4);
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  await app.call('POST', '/v1/test-clock', { now: '2026-10-09T12:00:00Z' });
  for (const [key, settings] of Object.entries(METERS)) {
    await app.call('PUT', `/v1/meters/${key}`, { ...settings, event_types: ['usage'] });
  }
});
afterAll(async () => {
  await db.end();
  await app[Symbol.asyncDispose]();
});

function expected(meter: MeterKey, events: readonly Recorded[]): number | undefined {
  if (events.length === 0) return undefined;
  const quantities = events.map(({ quantity }) => quantity);
  switch (METERS[meter].aggregation) {
    case 'sum':
      return quantities.reduce((sum, quantity) => sum + quantity, 0);
    case 'count':
      return events.length;
    case 'max':
      return Math.max(...quantities);
    case 'last':
      // No two occur at the same time here.
      return events.toSorted((a, b) => a.day - b.day || a.at - b.at).at(-1)!.quantity;
    case 'unique_count':
      return new Set(events.map(({ user }) => user)).size;
  }
}

let customers = 0;
/** What voids did, over all histories. */
const kinds = new Set<string>();

it('usage without what was voided is all that statements, amendments and windows hold', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 26 }), async (steps) => {
      const customer = `customer-${++customers}`;
      await app.call('PUT', `/v1/customers/${customer}`, {
        billing_period: { interval: 'day', anchor: iso(0) },
      });
      let standing: Recorded[] = [];
      let closedDays = 0;
      const frozen = new Map<string, unknown>();
      const statementsOf = async (): Promise<any[]> =>
        (await app.call('GET', `/v1/customers/${customer}/billing-periods?limit=1000`)).body.data;

      for (const [index, each] of steps.entries()) {
        if (each.kind === 'record') {
          const { kind: _, ...rest } = each;
          const event = { ...rest, id: `${customer}/${index}`, at: rest.at + index };
          const answer = await app.call('POST', '/v1/usage-events', {
            usage_event_id: event.id,
            customer_id: customer,
            meter: 'usage',
            quantity: String(event.quantity),
            occurred_at: iso(event.day, event.at),
            properties: { user: event.user },
          });
          expect(answer.status).toBe(201);
          standing.push(event);
        } else if (each.kind === 'void') {
          if (standing.length === 0) continue;
          const event = standing[each.which % standing.length]!;
          const answer = await app.call('POST', '/v1/usage-events/void', {
            usage_event_id: event.id,
            reason: 'law',
          });
          expect(answer.status).toBe(200);
          for (const { kind } of answer.body.effects) kinds.add(kind as string);
          standing = standing.filter((other) => other !== event);
        } else if (each.kind === 'close') {
          if (closedDays === 3) continue;
          closedDays++;
          const body = { customer_id: customer, as_of: iso(closedDays) };
          expect((await app.call('POST', '/v1/period-closes', body)).status).toBe(200);
          for (const { meter, period_start, ...said } of await statementsOf()) {
            const { value, digest, event_count, carried_in } = said;
            const key = `${meter} ${period_start}`;
            if (said.status === 'closed' && !frozen.has(key))
              frozen.set(key, { value, digest, event_count, carried_in });
          }
        } else if (each.kind === 'fold') await foldAll(db.work, tenantId);
        else {
          await app.pool.query('UPDATE amendment_due SET due_at = now()');
          await app.app.get(AmendmentSealer).run(tenantId, () => false);
        }
      }

      const statements = await statementsOf();
      for (const meter of Object.keys(METERS) as MeterKey[]) {
        const own = statements.filter((statement) => statement.meter === meter);
        const sum = own.reduce((total, { amended_value }) => total + Number(amended_value), 0);
        if (METERS[meter].aggregation === 'sum' || METERS[meter].aggregation === 'count') {
          expect(sum, meter).toBe(expected(meter, standing) ?? 0);
        }
        const isCarried = !('late_usage' in METERS[meter]) && /^(?:sums|counts)$/.test(meter);
        for (let day = 0; day < 3; day++) {
          if (isCarried) continue;
          const statement = own.find(({ period_start }) => period_start === iso(day));
          const left = standing.filter((event) => event.day === day);
          expect(Number(statement?.amended_value ?? 0), `${meter} ${day}`).toBe(
            expected(meter, left) ?? 0,
          );
        }
        for (const window of ['total', 'day'] as const) {
          const { body } = await app.call(
            'GET',
            `/v1/usage?meter=${meter}&customer_id=${customer}&window=${window}&from=${iso(0)}&to=${iso(4)}`,
          );
          const days =
            window === 'total'
              ? [standing]
              : [0, 1, 2].map((day) => standing.filter((e) => e.day === day));
          const values = days
            .map((events) => expected(meter, events))
            .filter((v) => v !== undefined);
          expect(
            body.data.map(({ value }: any) => Number(value)),
            `${meter} ${window}`,
          ).toEqual(values);
          const counts = days.map((events) => events.length).filter((n) => n > 0);
          expect(body.data.map((row: any) => row.event_count)).toEqual(counts);
        }
        for (const statement of own) {
          for (const each of [statement, ...statement.amendments]) {
            const parts = Object.entries(each).filter(([name]) =>
              /^(?:delivered|confirmed|pending|unknown|held|rejected|excluded|unbillable)_value$/.test(
                name,
              ),
            );
            expect(parts).toHaveLength(8);
            expect(parts.reduce((total, [, part]) => total + Number(part), 0)).toBe(
              Number(each.value),
            );
            expect(each.digest).toBe(
              await digestOfLedger(app.pool, customer, statement, each.revision ?? 0),
            );
          }
          const { value, digest, event_count, carried_in } = statement;
          const key = `${meter} ${statement.period_start}`;
          if (frozen.has(key))
            expect({ value, digest, event_count, carried_in }, key).toEqual(frozen.get(key));
        }
      }
      await foldAll(db.work, tenantId);
      expect(await rebuiltDifference(app.pool, customer)).toEqual([]);
    }),
    { numRuns: 25, endOnFailure: true },
  );
  // Every way was gone.
  expect([...kinds].sort()).toEqual(['amendment', 'carried', 'open']);
}, 300_000);
