import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { placesOf } from './database-texts.js';

let api: TestApp;
beforeAll(async () => {
  api = await startTestApp();
  await api.call('PUT', '/v1/meters/calls', { aggregation: 'sum', dimensions: ['region'] });
  await api.call('PUT', '/v1/customers/jane-doe', { name: 'Jane Doe', aliases: ['janey'] });
  for (const [n, customer] of ['jane-doe', 'janey', 'other'].entries()) {
    const answer = await api.call('POST', '/v1/usage-events', {
      usage_event_id: `event-${customer}`,
      source: `app-of-${customer}`,
      customer_id: customer,
      meter: 'calls',
      quantity: n + 1,
      occurred_at: '2026-05-05T10:00:00Z',
      properties: { region: `region-${customer}`, mail: `mail-${customer}` },
    });
    expect(answer.status).toBe(201);
  }
});
afterAll(() => api[Symbol.asyncDispose]());

describe('an erasure', () => {
  it('is done', async () => {
    expect(await placesOf(api.pool, 'jane')).not.toEqual([]);
    const answer = await api.call('POST', '/v1/customers/jane-doe/erasures', {
      reason: 'Jane Doe asked for it',
    });
    expect(answer.body).toMatchObject({ status: 'finished', reason: '[erased] asked for it' });
    expect(await placesOf(api.pool, 'jane')).toEqual([]);
  });
});
