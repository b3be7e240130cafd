import { afterAll, beforeAll, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { foldAll } from '../../src/usage/fold.js';
import { Database } from '../../src/database/database.js';
import { SeededRandom } from '../races/seeded-random.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { digestOfLedger, rebuiltDifference } from './ledger-checks.js';

const ROUNDS = 50;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.parse('2026-01-01T00:00:00Z');
const iso = (day: number, ms = 0): string => new Date(FIRST_DAY + day * DAY_MS + ms).toISOString();

/** Two processes on one database. */
let one: TestApp;
let db: Database;
beforeAll(async () => {
  one = await startTestApp();
  db = new Database(one.databaseUrl, 4);
  for (const [key, settings] of Object.entries({
    sums: { aggregation: 'sum' },
    amended: { aggregation: 'sum', late_usage: 'amend' },
    peaks: { aggregation: 'max' },
  })) {
    await one.call('PUT', `/v1/meters/${key}`, { ...settings, event_types: ['usage'] });
  }
  await one.call('PUT', '/v1/customers/acme', {
    billing_period: { interval: 'day', anchor: iso(0) },
  });
});
afterAll(async () => {
  await db.end();
  await one[Symbol.asyncDispose]();
});

const pause = (ms: number): Promise<void> => new Promise((resume) => setTimeout(resume, ms));

it(`a void that meets a close is in its statement or after it, ${ROUNDS} times`, async () => {
  const random = new SeededRandom();
  const { createApp } = await import('../../src/app.js');
  const { loadConfig } = await import('../../src/config/config.js');
  const config = loadConfig({ ROLE: 'api', LOG_LEVEL: 'error' });
  const other = await createApp({ databaseUrl: one.databaseUrl, config }, ['fatal'] as never);
  await other.listen(0, '127.0.0.1');
  const otherUrl = await other.getUrl();
  const { call } = await import('../support/app.js');
  const tenantId: string = (await one.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  const kinds = new Set<string>();
  try {
    let standing = 0;
    for (let day = 0; day < ROUNDS; day++) {
      const quantities = [1, 2, 3, 4].map(() => random.whole(1, 99));
      const ids = quantities.map((_, i) => `${day}/${i}`);
      for (const [i, quantity] of quantities.entries()) {
        await one.call('POST', '/v1/usage-events', {
          usage_event_id: ids[i],
          customer_id: 'acme',
          meter: 'usage',
          quantity,
          occurred_at: iso(day, i * 1_000),
        });
      }
      const voided = [0, 1].map((i) => ({ id: ids[i]!, quantity: quantities[i]! }));
      const tasks = voided.flatMap(({ id }) =>
        [one.url, otherUrl].map(async (url) => {
          await pause(random.whole(0, 25));
          const body = { usage_event_id: id, reason: `round ${day}` };
          return call(url, one.apiKey, 'POST', '/v1/usage-events/void', body);
        }),
      );
      const close = (async () => {
        await pause(random.whole(0, 20));
        return call(otherUrl, one.apiKey, 'POST', '/v1/period-closes', {
          as_of: iso(day + 1),
          customer_id: 'acme',
        });
      })();
      const folding = foldAll(db.work, tenantId);
      const answers = await Promise.all(tasks);
      expect((await close).status).toBe(200);
      await folding;
      const what = `RACE_SEED=${random.seed}, day ${day}`;
      for (const answer of answers) expect(answer.status, what).toBe(200);
      expect(answers[0]!.body, what).toEqual(answers[1]!.body);
      expect(answers[2]!.body, what).toEqual(answers[3]!.body);
      standing += quantities[2]! + quantities[3]!;

      for (const [meter, left] of [
        ['amended', quantities[2]! + quantities[3]!],
        ['peaks', Math.max(quantities[2]!, quantities[3]!)],
      ] as const) {
        const path = `/v1/customers/acme/billing-periods/${iso(day)}?meter=${meter}`;
        const { body } = await one.call('GET', path);
        expect(Number(body.amended_value), `${what} ${meter}`).toBe(left);
        expect(body.digest, what).toBe(await digestOfLedger(one.pool, 'acme', body, 0));
      }
      for (const answer of answers)
        for (const { kind } of answer.body.effects) kinds.add(kind as string);
    }
    await one.pool.query('UPDATE amendment_due SET due_at = now()');
    await one.app.get(AmendmentSealer).run(tenantId, () => false);
    const { body } = await one.call(
      'GET',
      '/v1/customers/acme/billing-periods?meter=sums&limit=1000',
    );
    const sum = body.data.reduce((total: number, { value }: any) => total + Number(value), 0);
    expect(sum, `RACE_SEED=${random.seed}`).toBe(standing);
    // The race was one: voids came on both sides of the close.
    expect([...kinds].sort()).toEqual(['amendment', 'carried', 'open']);
    await foldAll(db.work, tenantId);
    expect(await rebuiltDifference(one.pool, 'acme')).toEqual([]);
  } finally {
    await other.close();
  }
}, 300_000);
