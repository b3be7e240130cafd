import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../support/app.js';
import { SeededRandom } from './seeded-random.js';
import { startServerProcesses, type ServerProcesses } from './server-process.js';

const POSTS = 50;
const IDS = 10_000;
const BATCH = 500;

let processes: ServerProcesses;

beforeAll(async () => {
  processes = await startServerProcesses(2);
  const meter = await processes.servers[0]!.call('PUT', '/v1/meters/tokens', {
    aggregation: 'sum',
  });
  expect(meter.status).toBe(201);
}, 240_000);

afterAll(() => processes[Symbol.asyncDispose]());

/** The n-th caller's server: they take turns. */
function post(n: number, body: unknown): Promise<Answer> {
  const { servers } = processes;
  return servers[n % servers.length]!.call('POST', '/v1/usage-events', body);
}

function event(id: string, customer: string, quantity = '3'): Record<string, string> {
  return { usage_event_id: id, customer_id: customer, meter: 'tokens', quantity };
}

function countBy<T>(
  items: readonly T[],
  keyOf: (item: T) => string | number,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}

async function count(sql: string, parameters: unknown[] = []): Promise<number> {
  const { rows } = await processes.database.pool.query<{ n: string }>(sql, parameters);
  return Number(rows[0]!.n);
}

/** Registry rows, ledger entries and what the usage query says of one customer. */
async function footprint(customer: string): Promise<Record<string, unknown>> {
  const usage = await processes.servers[1]!.call(
    'GET',
    `/v1/usage?meter=tokens&customer_id=${customer}`,
  );
  return {
    keys: await count(
      `SELECT count(*) AS n FROM usage_event_key JOIN usage_event u USING (tenant_id, event_key)
        WHERE u.customer_id = $1`,
      [customer],
    ),
    entries: await count(
      `SELECT count(*) AS n FROM usage_entry JOIN usage_event u USING (tenant_id, event_key)
        WHERE u.customer_id = $1`,
      [customer],
    ),
    usage: usage.body.data.map(({ value, event_count }: Record<string, unknown>) => ({
      value,
      event_count,
    })),
  };
}

const ONCE = { keys: 1, entries: 1, usage: [{ value: '3', event_count: 1 }] };

/** A conflict names what differs, and when the id was taken. */
function expectConflict(answer: Answer): void {
  expect(answer.status).toBe(409);
  expect(answer.body).toMatchObject({
    code: 'usage_event_conflict',
    conflict: 1,
    error: { code: 'usage_event_conflict', fields: ['quantity'] },
  });
}

describe('one id, posted to two server processes at once', () => {
  it(`is accepted once in ${POSTS} equal posts, also of a customer never seen before`, async () => {
    const sent = event('same', 'first');

    const answers = await Promise.all(Array.from({ length: POSTS }, (_, n) => post(n, sent)));

    expect(countBy(answers, ({ status }) => status)).toEqual({ 201: 1, 200: POSTS - 1 });
    expect(countBy(answers, ({ body }) => body.status)).toEqual({
      accepted: 1,
      duplicate: POSTS - 1,
    });
    expect(await footprint('first')).toEqual(ONCE);
    expect(await count(`SELECT count(*) AS n FROM customer WHERE customer_id = 'first'`)).toBe(1);
  });

  it('is one conflict for the one other quantity that comes after it', async () => {
    const sent = event('taken', 'second');
    expect((await post(0, sent)).status).toBe(201);
    const bodies = Array.from({ length: POSTS }, (_, n) =>
      n === 25 ? event('taken', 'second', '4') : sent,
    );

    const answers = await Promise.all(bodies.map((body, n) => post(n, body)));

    expect(countBy(answers, ({ status }) => status)).toEqual({ 200: POSTS - 1, 409: 1 });
    expectConflict(answers[25]!);
    expect(await footprint('second')).toEqual(ONCE);
  });

  it('is whichever quantity came first, and a conflict for exactly those that differ from it', async () => {
    for (let round = 0; round < 10; round++) {
      const customer = `racing-${round}`;
      const quantities = Array.from({ length: POSTS }, (_, n) => (n % 10 === round ? '4' : '3'));

      const answers = await Promise.all(
        quantities.map((quantity, n) => post(n, event(`raced ${round}`, customer, quantity))),
      );

      const winner = answers.findIndex(({ status }) => status === 201);
      answers.forEach((answer, n) => {
        if (quantities[n] !== quantities[winner]) expectConflict(answer);
        else expect(answer.status).toBe(n === winner ? 201 : 200);
      });
      expect(await footprint(customer)).toEqual({
        ...ONCE,
        usage: [{ value: quantities[winner], event_count: 1 }],
      });
    }
  });
});

describe('batches that overlap, from two server processes', () => {
  it(`accept each of ${IDS} ids once, in whatever order they come, without a deadlock`, async () => {
    const random = new SeededRandom();
    const what = `RACE_SEED=${random.seed}`;
    // First-seen customers as well: each order meets them in another one.
    const events = Array.from({ length: IDS }, (_, n) => event(`overlap ${n}`, `batch-${n % 97}`));
    const orders = Array.from({ length: 4 }, () => random.shuffle(events));

    const answers = await Promise.all(
      orders.map(async (order, n) => {
        const received: Answer[] = [];
        for (let from = 0; from < IDS; from += BATCH) {
          received.push(await post(n, { events: order.slice(from, from + BATCH) }));
        }
        return received;
      }),
    );

    const all = answers.flat();
    expect(
      countBy(all, ({ status }) => status),
      what,
    ).toEqual({ 200: all.length });
    const sumOf = (verdict: string): number =>
      all.reduce((total, { body }) => total + Number(body[verdict]), 0);
    expect(
      { accepted: sumOf('accepted'), duplicate: sumOf('duplicate'), conflict: sumOf('conflict') },
      what,
    ).toEqual({ accepted: IDS, duplicate: 3 * IDS, conflict: 0 });
    expect(
      await count(
        `SELECT count(*) AS n FROM usage_entry JOIN usage_event u USING (tenant_id, event_key)
          WHERE u.usage_event_id LIKE 'overlap %'`,
      ),
      what,
    ).toBe(IDS);
    expect(await count(`SELECT count(*) AS n FROM customer WHERE customer_id LIKE 'batch-%'`)).toBe(
      97,
    );
    const { body } = await processes.servers[0]!.call('GET', '/v1/usage?meter=tokens');
    const batches = body.data.filter((row: { customer_id: string }) =>
      row.customer_id.startsWith('batch-'),
    );
    expect(
      batches.reduce((total: number, row: { value: string }) => total + Number(row.value), 0),
    ).toBe(3 * IDS);
    expect(
      await count('SELECT deadlocks AS n FROM pg_stat_database WHERE datname = current_database()'),
      what,
    ).toBe(0);
  });
});
