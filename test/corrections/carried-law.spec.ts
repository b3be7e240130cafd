import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { Database } from '../../src/database/database.js';
import { ReplayRunner } from '../../src/replay/replay-runner.js';
import { ReplayService } from '../../src/replay/replay.service.js';
import { foldAll } from '../../src/usage/fold.js';
import { startTestApp, type TestApp } from '../support/app.js';

interface Recorded {
  readonly id: string;
  readonly day: number;
  readonly at: number;
  readonly quantity: number;
}

const DAYS = 6;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.parse('2026-10-05T00:00:00Z');
const iso = (day: number, at = 0): string => new Date(FIRST_DAY + day * DAY_MS + at).toISOString();

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      day: fc.integer({ min: 0, max: DAYS - 1 }),
      at: fc.integer({ min: 0, max: 40 }).map((minutes) => minutes * 60_000),
      quantity: fc.integer({ min: -3, max: 20 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('void' as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('close', 'seal') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('fold', 'hurry') }) },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

let app: TestApp;
let db: Database;
let tenantId: string;
beforeAll(async () => {
  app = await startTestApp();
  db = new Database(app.databaseUrl, 4);
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  await app.call('POST', '/v1/test-clock', { now: '2026-10-20T12:00:00Z' });
  await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
});
afterAll(async () => {
  await db.end();
  await app[Symbol.asyncDispose]();
});

const never = (): boolean => false;

async function seal(): Promise<boolean> {
  const { rowCount } = await app.pool.query('UPDATE amendment_due SET due_at = now()');
  // Two at once, as two workers: neither passes over what the other writes.
  const sealer = app.app.get(AmendmentSealer);
  await Promise.all([sealer.run(tenantId, never), sealer.run(tenantId, never)]);
  await app.app.get(PeriodCloser).resume(tenantId, never);
  return rowCount !== 0;
}

async function settle(): Promise<void> {
  for (let round = 0; round < 40; round++) if (!(await seal())) return;
  throw new Error('amendments go on and on');
}

/** Late usage of the first of three closed days: the two after it are amended for nothing of their own. */
const CARRIED_ON: Step[] = [
  { kind: 'record', day: 0, at: 0, quantity: 10 },
  ...Array.from({ length: 3 }, (): Step => ({ kind: 'close' })),
  { kind: 'record', day: 0, at: 60_000, quantity: 7 },
  { kind: 'seal' },
];

let customers = 0;
/** Amendments that nothing but the period before made, over all histories. */
let carriedOn = 0;

it('every period of a meter that carries over comes to its last value, or to what the one before did', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), async (steps) => {
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
          // No two occur at the same time.
          const event = { ...rest, id: `${customer}/${index}`, at: rest.at + index };
          const answer = await app.call('POST', '/v1/usage-events', {
            usage_event_id: event.id,
            customer_id: customer,
            meter: 'level',
            quantity: String(event.quantity),
            occurred_at: iso(event.day, event.at),
          });
          expect(answer.status).toBe(201);
          standing.push(event);
        } else if (each.kind === 'void') {
          if (standing.length === 0) continue;
          const event = standing[each.which % standing.length]!;
          const body = { usage_event_id: event.id, reason: 'law' };
          expect((await app.call('POST', '/v1/usage-events/void', body)).status).toBe(200);
          standing = standing.filter((other) => other !== event);
        } else if (each.kind === 'close') {
          if (closedDays === DAYS - 1) continue;
          closedDays++;
          const body = { customer_id: customer, as_of: iso(closedDays) };
          expect((await app.call('POST', '/v1/period-closes', body)).status).toBe(200);
        } else if (each.kind === 'fold') await foldAll(db.work, tenantId);
        else if (each.kind === 'hurry') await settle();
        else await seal();
        for (const { period_start: start, status, ...said } of await statementsOf()) {
          const { value, digest, event_count, carried_in } = said;
          const statement = { value, digest, event_count, carried_in };
          if (status !== 'closed') continue;
          if (frozen.has(start)) expect(statement, start).toEqual(frozen.get(start));
          frozen.set(start, statement);
        }
      }
      await settle();

      const statements = await statementsOf();
      let before = 0;
      for (const [i, statement] of statements.entries()) {
        const { period_start: start, period_end: end } = statement;
        const own = standing
          .filter(({ day }) => iso(day) === start)
          .sort((a, b) => a.at - b.at)
          .at(-1);
        const want = own?.quantity ?? before;
        // An ended period gets what the one before comes to once that is closed.
        const isFollowing = i === 0 || statements[i - 1].status === 'closed';
        if (own !== undefined || isFollowing)
          expect(Number(statement.amended_value), start).toBe(want);
        before = want;
        // What a closed one came to is carried on: none is left out.
        if (statement.status === 'closed' && want !== 0)
          expect(statements[i + 1]?.period_start, start).toBe(end);
        carriedOn += statement.amendments.filter((each: any) => each.event_count === 0).length;
        for (const each of statement.amendments) expect(each.status).toBe('closed');
      }
      const path = `/v1/usage?meter=level&customer_id=${customer}&window=period`;
      const usage = await app.call('GET', `${path}&from=${iso(0)}&to=${iso(DAYS + 2)}`);
      for (const { window_start: start, value } of usage.body.data) {
        const statement = statements.find(({ period_start }) => period_start === start);
        expect(value, start).toBe(statement.amended_value);
      }
      const shown = new Set(usage.body.data.map((row: any) => row.window_start));
      for (const { period_start: start, amended_value: amended } of statements)
        if (amended !== '0') expect(shown).toContain(start);
    }),
    { numRuns: 25, endOnFailure: true, examples: [[CARRIED_ON]] },
  );
  expect(carriedOn).toBeGreaterThan(0);
  const replays = new ReplayService(db);
  const id = await replays.begin(tenantId, { mode: 'verify' }, { byCommand: true });
  await new ReplayRunner(db).run(tenantId, id, never);
  expect((await replays.get(tenantId, id)).differences).toEqual([]);
}, 300_000);
