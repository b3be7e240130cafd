import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { PeriodCloseService } from '../../src/periods/period-close.service.js';
import { startTestApp, type TestApp } from '../support/app.js';

const OCTOBER = '2026-10-01T00:00:00.000Z';

let app: TestApp;
let tenantId: string;
let sealer: AmendmentSealer;
let ids = 0;

beforeEach(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-11-15T00:00:00Z' });
  for (const key of ['first', 'second']) {
    await app.call('PUT', `/v1/meters/${key}`, { aggregation: 'sum', late_usage: 'amend' });
  }
  const { rows } = await app.pool.query<{ id: string }>('SELECT tenant_id AS id FROM tenant');
  tenantId = rows[0]!.id;
  sealer = app.app.get(AmendmentSealer);
});
afterEach(() => app[Symbol.asyncDispose]());

async function use(customers: readonly string[], meter: string, quantity: string) {
  const events = customers.map((customer_id) => ({
    usage_event_id: `e-${++ids}`,
    customer_id,
    meter,
    quantity,
    occurred_at: '2026-10-10T00:00:00Z',
  }));
  const { body } = await app.call('POST', '/v1/usage-events', { events });
  expect(body).toMatchObject({ accepted: customers.length });
}

/** Lets amendments be due at once. */
const arrive = () => app.pool.query(`UPDATE amendment_due SET due_at = now() - interval '1 hour'`);
const run = (isStopping = () => false) => sealer.run(tenantId, isStopping);
const close = () => app.call('POST', '/v1/period-closes', { as_of: '2026-11-01T00:00:00Z' });

async function amendments() {
  const { rows } = await app.pool.query<Record<string, any>>(
    `SELECT c.customer_id || ' ' || m.key || ' ' || a.revision AS name, a.created_at IS NOT NULL AS written,
            trim_scale(a.value)::text AS value
       FROM period_amendment a JOIN customer c USING (tenant_id, customer_no)
       JOIN meter m USING (tenant_id, meter_no) ORDER BY 1`,
  );
  return rows;
}

async function work() {
  const { rows } = await app.pool.query(
    `SELECT c.customer_id, m.key, w.closed FROM push_work w
       JOIN customer c USING (tenant_id, customer_no) JOIN meter m USING (tenant_id, meter_no)
      ORDER BY 1, 2`,
  );
  return rows;
}

describe('amendments of closed statements', () => {
  it('are sealed when they are due, and not before', async () => {
    await use(['acme'], 'first', '1');
    await close();
    await use(['acme'], 'first', '2');
    await run();
    expect(await amendments()).toEqual([]);
    await arrive();
    await run();
    expect(await amendments()).toEqual([{ name: 'acme first 1', written: true, value: '2' }]);
    await run();
    expect(await amendments()).toHaveLength(1);
  });

  it('are written by whoever finds them sealed, if the one that sealed them stops', async () => {
    await use(['acme', 'globex'], 'first', '1');
    await close();
    await use(['acme', 'globex'], 'first', '2');
    await arrive();
    await run(() => true);
    expect(await amendments()).toEqual([
      { name: 'acme first 1', written: false, value: null },
      { name: 'globex first 1', written: false, value: null },
    ]);
    await run();
    expect(await amendments()).toEqual([
      { name: 'acme first 1', written: true, value: '2' },
      { name: 'globex first 1', written: true, value: '2' },
    ]);
  });

  it('are all written in one run, however many, each with its own pushes to be planned', async () => {
    const customers = Array.from({ length: 23 }, (_, i) => `c-${10 + i}`);
    await use(customers, 'first', '1');
    await use(customers.slice(0, 3), 'second', '5');
    await close();
    await use(customers, 'first', '2');
    await use(customers.slice(1, 3), 'second', '7');
    await arrive();
    await app.pool.query('DELETE FROM push_work');
    await run();
    const written = [
      ...customers.map((name) => ({ name: `${name} first 1`, written: true, value: '2' })),
      ...customers
        .slice(1, 3)
        .map((name) => ({ name: `${name} second 1`, written: true, value: '7' })),
    ].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(await amendments()).toEqual(written);
    expect(await work()).toEqual(
      written.map(({ name }) => {
        const [customer_id, key] = name.split(' ');
        return { customer_id, key, closed: true };
      }),
    );
    const { body } = await app.call(
      'GET',
      `/v1/customers/c-11/billing-periods/${OCTOBER}?meter=second`,
    );
    expect(body).toMatchObject({ value: '5', amendments: [{ revision: 1, value: '7' }] });
  });

  it('of one statement add up, two that are sealed before one is written too', async () => {
    await use(['acme'], 'first', '1');
    await close();
    for (const quantity of ['2', '4']) {
      await use(['acme'], 'first', quantity);
      await arrive();
      await run(() => true);
    }
    await run();
    expect(await amendments()).toEqual([
      { name: 'acme first 1', written: true, value: '2' },
      { name: 'acme first 2', written: true, value: '4' },
    ]);
    expect(await work()).toEqual([{ customer_id: 'acme', key: 'first', closed: true }]);
  });
});

describe('usage that is the first of a period which a close has passed', () => {
  it('has its statement written by a close of its own, begun once, and then its amendment', async () => {
    await use(['other'], 'second', '1');
    await close();
    await use(['late'], 'first', '3');
    await arrive();
    await run(() => true);
    await run(() => true);
    const { rows } = await app.pool.query(
      `SELECT p.as_of, c.customer_id, m.key, p.by_clock, p.finished_at
         FROM period_close p JOIN customer c USING (tenant_id, customer_no)
         JOIN meter m USING (tenant_id, meter_no)`,
    );
    expect(rows).toEqual([
      {
        as_of: new Date('2026-11-01T00:00:00Z'),
        customer_id: 'late',
        key: 'first',
        by_clock: false,
        finished_at: null,
      },
    ]);
    await app.app.get(PeriodCloseService).resume(tenantId, () => false);
    await arrive();
    await run();
    expect(await amendments()).toEqual([{ name: 'late first 1', written: true, value: '3' }]);
    const { body } = await app.call(
      'GET',
      `/v1/customers/late/billing-periods/${OCTOBER}?meter=first`,
    );
    expect(body).toMatchObject({ status: 'closed', value: '0' });
  });
});
