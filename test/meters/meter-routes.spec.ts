import { describe, expect, it } from 'vitest';
import { startTestApp } from '../support/app.js';

describe('the routes of meters', () => {
  it('make, change, read, list and archive', async () => {
    await using api = await startTestApp();

    const made = await api.call('PUT', '/v1/meters/tokens', {
      aggregation: 'sum',
      display_name: 'Tokens',
      dimensions: ['model'],
      billing_starts_at: '2026-11-01T01:00:00+01:00',
      stripe_event_name: 'tokens',
    });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      key: 'tokens',
      aggregation: 'sum',
      display_name: 'Tokens',
      unit: null,
      event_types: ['tokens'],
      value_property: 'quantity',
      filter: {},
      unique_property: null,
      dimensions: ['model'],
      carry_last: false,
      stripe_event_name: 'tokens',
      push: 'live',
      push_from: null,
      billing_starts_at: '2026-11-01T00:00:00.000Z',
      late_usage: 'carry_forward',
      archived: false,
      settings_version: 1,
      created_at: expect.stringMatching(/Z$/),
      stripe: { problem: 'stripe_not_configured' },
    });

    const changed = await api.call('PUT', '/v1/meters/tokens', { stripe_event_name: null });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ settings_version: 2, stripe_event_name: null });
    expect(changed.body).not.toHaveProperty('stripe');

    expect((await api.call('GET', '/v1/meters/tokens')).body).toEqual(changed.body);
    expect((await api.call('GET', '/v1/meters')).body).toEqual({
      data: [changed.body],
      next_cursor: null,
    });

    expect((await api.call('DELETE', '/v1/meters/tokens')).status).toBe(204);
    expect((await api.call('GET', '/v1/meters/tokens')).body).toMatchObject({ archived: true });
  });

  it('answer problems', async () => {
    await using api = await startTestApp();

    const codeOf = async (method: string, path: string, body?: unknown) => {
      const answer = await api.call(method, path, body);
      return [answer.status, (answer.body as { code: string }).code];
    };

    expect(await codeOf('GET', '/v1/meters/none')).toEqual([404, 'meter_not_found']);
    expect(await codeOf('GET', '/v1/meters/%00')).toEqual([404, 'meter_not_found']);
    expect(await codeOf('DELETE', '/v1/meters/none')).toEqual([404, 'meter_not_found']);
    expect(await codeOf('PUT', '/v1/meters/None', { aggregation: 'sum' })).toEqual([
      422,
      'validation_failed',
    ]);
    expect(await codeOf('PUT', '/v1/meters/none', { aggregation: 'avg' })).toEqual([
      422,
      'validation_failed',
    ]);
    expect(await codeOf('GET', '/v1/meters?cursor=x')).toEqual([422, 'invalid_cursor']);
    expect(await codeOf('GET', '/v1/meters?limit=1001')).toEqual([422, 'validation_failed']);
  });
});
