import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { CUSTOMERS, History } from '../replay/history.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-04-10T12:00:00Z' });
  await app.call('PUT', '/v1/meters/level', {
    aggregation: 'last',
    carry_last: true,
    dimensions: ['region'],
  });
});
afterAll(() => app[Symbol.asyncDispose]());

let ids = 0;
const use = async (customer: string, at: string, quantity: number): Promise<string> => {
  const id = `e-${++ids}`;
  await app.call('POST', '/v1/usage-events', {
    usage_event_id: id,
    customer_id: customer,
    meter: 'level',
    quantity,
    occurred_at: at,
    properties: { region: 'eu' },
  });
  return id;
};
const take = (id: string) =>
  app.call('POST', '/v1/usage-events/void', { usage_event_id: id, reason: 'counted twice' });
const close = (customer: string, asOf: string) =>
  app.call('POST', '/v1/period-closes', { customer_id: customer, as_of: asOf });
const byPeriod = async (customer: string, more = '') =>
  (
    await app.call('GET', `/v1/usage?meter=level&customer_id=${customer}&window=period${more}`)
  ).body.data.map((row: any) => [row.window_start.slice(5, 7), row.value, row.event_count]);

describe('usage by period', () => {
  it('has the value that an empty period began with, closed or open', async () => {
    await use('empty', '2026-01-10T00:00:00Z', 7);
    expect(await byPeriod('empty')).toEqual([['01', '7', 1]]);
    await close('empty', '2026-03-01T00:00:00Z');
    expect(await byPeriod('empty')).toEqual([
      ['01', '7', 1],
      ['02', '7', 0],
      ['03', '7', 0],
    ]);
    await close('empty', '2026-04-01T00:00:00Z');
    await use('empty', '2026-04-02T00:00:00Z', 9);
    expect(await byPeriod('empty')).toEqual([
      ['01', '7', 1],
      ['02', '7', 0],
      ['03', '7', 0],
      ['04', '9', 1],
    ]);
  });

  it('has it back where all that was used is voided', async () => {
    await use('back', '2026-01-10T00:00:00Z', 7);
    await close('back', '2026-02-01T00:00:00Z');
    const id = await use('back', '2026-02-10T00:00:00Z', 8);
    expect((await byPeriod('back')).at(-1)).toEqual(['02', '8', 1]);
    await take(id);
    expect((await byPeriod('back')).at(-1)).toEqual(['02', '7', 0]);
  });

  it('has periods that the range overlaps, and no other', async () => {
    await use('ranged', '2026-01-10T00:00:00Z', 7);
    await close('ranged', '2026-04-01T00:00:00Z');
    const months = async (from: string, to: string) =>
      (await byPeriod('ranged', `&from=${from}&to=${to}`)).map(([month]: string[]) => month);
    expect(await months('2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z')).toEqual(['02']);
    expect(await months('2026-01-31T23:45:00Z', '2026-03-01T00:15:00Z')).toEqual([
      '01',
      '02',
      '03',
    ]);
    expect(await months('2026-05-01T00:00:00Z', '2026-06-01T00:00:00Z')).toEqual([]);
  });

  it('says nothing of it by a dimension, which it does not have', async () => {
    await use('split', '2026-01-10T00:00:00Z', 7);
    await close('split', '2026-02-01T00:00:00Z');
    expect(await byPeriod('split', '&group_by=region')).toEqual([['01', '7', 1]]);
    expect(await byPeriod('split', '&filter[region]=eu')).toEqual([['01', '7', 1]]);
    expect(await byPeriod('split')).toHaveLength(2);
  });

  it('is of one customer where one is asked for, else of all, in order', async () => {
    const all = (await app.call('GET', '/v1/usage?meter=level&window=period')).body.data;
    const keys = all.map((row: any) => `${row.customer_id} ${row.window_start}`);
    expect(keys).toEqual(keys.toSorted());
    expect(new Set(keys.map((key: string) => key.split(' ')[0])).size).toBe(4);
  });

  it('is what the statements come to, over random histories', async () => {
    await using history = await History.open();
    const sealer = history.app.app.get(AmendmentSealer);
    for (const [id, interval] of [
      [CUSTOMERS[0], 'day'],
      [CUSTOMERS[1], 'week'],
    ])
      await history.app.call('PUT', `/v1/customers/${id}`, { billing_period: { interval } });
    let carried = 0;
    for (const day of [12, 30, 45, 88]) {
      await history.send(24, day);
      if (history.random.fraction() < 0.5) await history.fold();
      await history.close();
      await history.app.pool.query('UPDATE amendment_due SET due_at = now()');
      await sealer.run(history.tenantId, () => false);
      for (const customer of CUSTOMERS) {
        const path = `/v1/customers/${customer}/billing-periods?meter=level&limit=1000`;
        const statements = (await history.app.call('GET', path)).body.data ?? [];
        const said = statements
          .filter((each: any) => each.event_count > 0 || each.carried_in !== '0')
          .map((each: any) => [each.period_start, each.amended_value]);
        const usage = await history.app.call(
          'GET',
          `/v1/usage?meter=level&customer_id=${customer}&window=period` +
            '&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z',
        );
        const data = usage.body.data ?? [];
        const shown = new Map<string, string>(
          data.map((row: any) => [row.window_start, row.value]),
        );
        for (const [start, value] of said)
          expect(shown.get(start), `seed ${history.random.seed}, ${customer} ${start}`).toBe(value);
        carried += data.filter((row: any) => row.event_count === 0).length;
      }
    }
    expect(carried).toBeGreaterThan(0);
  });
});
