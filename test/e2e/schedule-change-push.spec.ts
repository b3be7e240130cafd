import { startSimulator } from '@countonce/stripe-simulator';
import { expect, it } from 'vitest';
import { PushWorker } from '../../src/push/push-worker.js';
import { startTestApp } from '../support/app.js';

const KEY = 'sk_test_schedule_change';

it('a schedule that changes while a push waits bills the usage once', async () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  const simulator = await startSimulator({ now, rateLimits: false, autoCustomers: true });
  try {
    await using app = await startTestApp({
      STRIPE_SECRET_KEY: KEY,
      STRIPE_API_BASE: simulator.url,
      STRIPE_CALLS_PER_SECOND: '1000',
    });
    await app.call('POST', '/v1/test-clock', { now: '2026-11-20T12:00:00Z' });
    await fetch(`${simulator.url}/v1/billing/meters`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body: new URLSearchParams({
        display_name: 'Tokens',
        event_name: 'tokens',
        'default_aggregation[formula]': 'sum',
      }),
    });
    await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum', stripe_event_name: 'tokens' });
    await app.call('PUT', '/v1/customers/acme', { stripe_customer_id: 'cus_acme' });
    const event = { usage_event_id: 'a', customer_id: 'acme', meter: 'tokens', quantity: 10 };
    await app.call('POST', '/v1/usage-events', { ...event, occurred_at: '2026-11-18T10:00:00Z' });
    const { rows } = await app.pool.query('SELECT tenant_id FROM tenant');
    const worker = app.app.get(PushWorker);
    await app.pool.query(
      `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
       SELECT tenant_id, customer_no, meter_no, period_start, false FROM billing_period`,
    );
    simulator.addFault({
      match: { path: '/v1/billing/meter_events' },
      count: 1,
      fault: '429Burst',
    });
    await worker.drain(rows[0].tenant_id);
    const waiting = await app.pool.query(`SELECT status, attempts FROM push`);
    expect(waiting.rows).toEqual([{ status: 'pending', attempts: 1 }]);

    const put = await app.call('PUT', '/v1/customers/acme', {
      billing_period: { interval: 'week' },
    });
    expect(put.body.billing_period.effective_from).toBeNull();
    simulator.clearFaults();
    await app.pool.query(`UPDATE push SET next_attempt_at = now() WHERE status = 'pending'`);
    await app.pool.query(
      `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
       SELECT tenant_id, customer_no, meter_no, period_start, false FROM billing_period
           ON CONFLICT DO NOTHING`,
    );
    await worker.drain(rows[0].tenant_id);

    expect(simulator.ledger().map((each) => each.value)).toEqual(['10']);
    const statement = await app.call(
      'GET',
      '/v1/customers/acme/billing-periods/2026-11-16T00:00:00Z?meter=tokens',
    );
    expect(statement.body).toMatchObject({
      value: '10',
      delivered_value: '10',
      pending_value: '0',
    });
  } finally {
    await simulator.stop();
  }
});
