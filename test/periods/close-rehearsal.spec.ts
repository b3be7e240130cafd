import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CUSTOMERS, History } from '../replay/history.js';
import { startTestApp, type TestApp } from '../support/app.js';

const HISTORIES = 4;
const HISTORIES_MAX = 20;
const CLOSES = 4;

/** What a close and its rehearsal both tell. */
function countsOf(answer: any) {
  const { closed, already_closed: alreadyClosed, pushes, progress } = answer;
  return { closed, alreadyClosed, pushes, due: progress.due };
}

describe('the rehearsal of a close', () => {
  it('tells what the close then does, over random histories', { timeout: 120_000 }, async () => {
    let opened = 0;
    // Some histories carry little or nothing into periods without usage: then more of them are drawn.
    for (let i = 0; i < HISTORIES || (opened <= HISTORIES && i < HISTORIES_MAX); i++) {
      await using history = await History.open();
      const { app, random } = history;
      const interval = () => ({ interval: random.pick(['day', 'week', 'month']) });
      for (const id of CUSTOMERS)
        await app.call('PUT', `/v1/customers/${id}`, { billing_period: interval() });
      for (let day = 5, closes = 0; closes < CLOSES; closes++) {
        for (const sent of [random.whole(1, 8), random.whole(0, 4)]) {
          if (sent > 0) await history.send(sent, day);
          if (random.fraction() < 0.5) await history.fold();
        }
        day += random.whole(1, 30);
        await history.arriveAt(day);
        const scope = {
          ...(random.fraction() < 0.3 ? { customer_id: random.pick(CUSTOMERS) } : {}),
          ...(random.fraction() < 0.3 ? { meter: random.pick(['level', 'total']) } : {}),
        };
        const stored = await storedPeriods(app);
        const rehearsed = await app.call('POST', '/v1/period-closes', { ...scope, dry_run: true });
        expect(await storedPeriods(app)).toBe(stored);
        const done = await app.call('POST', '/v1/period-closes', scope);
        const about = `seed ${random.seed}, close ${closes} of ${JSON.stringify(scope)}`;
        expect(countsOf(rehearsed.body), about).toEqual(countsOf(done.body));
        opened += (await storedPeriods(app)) - stored;
      }
    }
    expect(opened).toBeGreaterThan(HISTORIES);
  });

  async function storedPeriods({ pool }: TestApp): Promise<number> {
    const { rows } = await pool.query('SELECT count(*)::integer AS n FROM billing_period');
    return rows[0].n;
  }
});

describe('the periods that a value is carried into', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
    await app.call('POST', '/v1/test-clock', { now: '2026-03-31T12:00:00Z' });
    await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
    await app.call('PUT', '/v1/meters/gauge', { aggregation: 'last' });
    await app.call('PUT', '/v1/meters/quiet', {
      aggregation: 'last',
      carry_last: true,
      push: 'off',
    });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  let ids = 0;
  const use = (customer: string, meter: string, at: string) =>
    app.call('POST', '/v1/usage-events', {
      usage_event_id: `e-${++ids}`,
      customer_id: customer,
      meter,
      quantity: 5,
      occurred_at: at,
    });
  const close = async (customer: string, fields: object = {}) =>
    countsOf(
      (await app.call('POST', '/v1/period-closes', { customer_id: customer, ...fields })).body,
    );
  const rehearse = (customer: string, fields: object = {}) =>
    close(customer, { ...fields, dry_run: true });
  const daily = (customer: string) =>
    app.call('PUT', `/v1/customers/${customer}`, { billing_period: { interval: 'day' } });

  it('are counted from the first usage to the last that has ended, and only where they are', async () => {
    await daily('days');
    for (const meter of ['level', 'gauge', 'quiet'])
      await use('days', meter, '2026-03-01T12:00:00Z');

    const all = { closed: 61, alreadyClosed: 0, pushes: 31, due: 61 };
    expect(await rehearse('days')).toEqual(all);
    expect(await rehearse('days', { meter: 'gauge' })).toMatchObject({ closed: 1, pushes: 1 });
    expect(await rehearse('days', { meter: 'quiet' })).toMatchObject({ closed: 30, pushes: 0 });
    // The end of a period counts as ended, a microsecond before does not.
    const at = (asOf: string) => rehearse('days', { meter: 'level', as_of: asOf });
    expect((await at('2026-03-11T00:00:00Z')).closed).toBe(10);
    expect((await at('2026-03-10T23:59:59.999999Z')).closed).toBe(9);
    expect(await close('days')).toEqual(all);
    expect(await rehearse('days')).toMatchObject({ closed: 0, alreadyClosed: 61 });
  });

  it('go through those with usage of their own, and are counted once', async () => {
    await daily('stepped');
    for (const day of ['03', '04', '09']) await use('stepped', 'level', `2026-03-${day}T01:00:00Z`);
    const rehearsed = await rehearse('stepped');
    expect(rehearsed.closed).toBe(28);
    expect(await close('stepped')).toEqual(rehearsed);
  });

  it('are none where all of the usage was voided', async () => {
    await daily('voided');
    await use('voided', 'level', '2026-03-03T01:00:00Z');
    const reason = 'counted by mistake';
    await app.call('POST', '/v1/usage-events/void', { usage_event_id: `e-${ids}`, reason });
    const rehearsed = await rehearse('voided');
    expect(rehearsed.closed).toBe(1);
    expect(await close('voided')).toEqual(rehearsed);
  });
});
