import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { formatInstantMicros } from '../../src/domain/instant.js';
import type { PutMeterDto } from '../../src/meters/meter.dto.js';
import { MeterService } from '../../src/meters/meter.service.js';
import { metersOf, type StoredMeter } from '../../src/meters/meter.store.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import { StripeMeters } from '../../src/stripe/stripe-meters.js';
import { recordDelivery, recordUsage } from '../support/rows.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';

interface Meters extends TestTenant {
  readonly meters: MeterService;
  put(key: string, dto: PutMeterDto): Promise<StoredMeter>;
}

async function createMeters(): Promise<Meters> {
  const test = await createTestTenant();
  const stripe = new StripeMeters(test.db, new StripeAccounts(test.db, loadConfig({})));
  const meters = new MeterService(test.db, stripe);
  return {
    ...test,
    meters,
    put: async (key, dto) => (await meters.put(test.tenantId, key, dto)).meter,
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}

describe('a meter', () => {
  it('is made with the defaults of its aggregation', async () => {
    await using test = await createMeters();

    const { meter, created, stripe } = await test.meters.put(test.tenantId, 'tokens', {
      aggregation: 'sum',
    });

    expect({ created, stripe }).toEqual({ created: true, stripe: undefined });
    expect(meter).toMatchObject({
      key: 'tokens',
      version: 1,
      aggregation: 'sum',
      displayName: null,
      unit: null,
      eventTypes: ['tokens'],
      valueProperty: 'quantity',
      uniqueProperty: null,
      filter: {},
      dimensions: [],
      carryLast: false,
      stripeEventName: null,
      push: 'live',
      pushFrom: null,
      billingStartsAt: null,
      lateUsage: 'carry_forward',
      archived: false,
    });
    for (const aggregation of ['max', 'last'] as const) {
      expect((await test.put(aggregation, { aggregation })).lateUsage).toBe('amend');
    }
    expect((await test.put('requests', { aggregation: 'count' })).lateUsage).toBe('carry_forward');
  });

  it('keeps what a change does not name, and clears what it sets to null', async () => {
    await using test = await createMeters();
    await test.put('tokens', {
      aggregation: 'sum',
      display_name: 'Tokens',
      event_types: ['completion', 'chat'],
      value_property: 'total',
      filter: { cached: [false], tier: ['a', 1, 'a'] },
      dimensions: ['model', 'region'],
      push: 'shadow',
      push_from: '2026-11-01T00:00:00Z',
    });

    const changed = await test.put('tokens', { unit: 'token', event_types: null, filter: null });

    expect(changed).toMatchObject({
      version: 2,
      displayName: 'Tokens',
      unit: 'token',
      eventTypes: ['tokens'],
      valueProperty: 'total',
      filter: {},
      dimensions: ['model', 'region'],
      push: 'shadow',
      pushFrom: Date.UTC(2026, 10, 1) * 1_000,
    });
  });

  it('keeps the values of its filter as text, each once', async () => {
    await using test = await createMeters();

    const meter = await test.put('tokens', {
      aggregation: 'sum',
      filter: { cached: [false], tier: ['1', 1, 2.5] },
    });

    expect(meter.filter).toEqual({ cached: ['false'], tier: ['1', '2.5'] });
  });

  it('gets another version, and the gate too, only where something changes', async () => {
    await using test = await createMeters();
    const dto: PutMeterDto = {
      aggregation: 'sum',
      filter: { zone: ['a'], area: ['b'] },
      billing_starts_at: '2026-11-01T00:00:00.000001+01:00',
    };
    await test.put('tokens', dto);
    const version = await test.gateVersion();

    expect((await test.put('tokens', dto)).version).toBe(1);
    expect((await test.put('tokens', {})).version).toBe(1);
    expect(await test.gateVersion()).toBe(version);

    expect((await test.put('tokens', { unit: 'token' })).version).toBe(2);
    expect(await test.gateVersion()).toBe(version + 1);
  });

  it('is archived once, stays known, and is brought back by a PUT', async () => {
    await using test = await createMeters();
    await test.put('tokens', { aggregation: 'sum' });

    await test.meters.archive(test.tenantId, 'tokens');
    await test.meters.archive(test.tenantId, 'tokens');

    expect(await metersOf(test.db.work, test.tenantId)).toMatchObject([
      { key: 'tokens', version: 2, archived: true },
    ]);
    expect(await test.put('tokens', {})).toMatchObject({ version: 3, archived: false });
    await expect(test.meters.archive(test.tenantId, 'other')).rejects.toMatchObject({
      code: 'meter_not_found',
    });
  });

  it('is made once by requests that come together', async () => {
    await using test = await createMeters();

    const made = await Promise.all(
      ['a', 'b', 'a', 'b'].map((key) =>
        test.meters.put(test.tenantId, key, { aggregation: 'sum' }),
      ),
    );

    expect(made.filter((answer) => answer.created)).toHaveLength(2);
    const stored = await metersOf(test.db.work, test.tenantId);
    expect(stored.map(({ meterNo, version }) => [meterNo, version])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('is known to its tenant alone', async () => {
    await using test = await createMeters();
    await test.put('tokens', { aggregation: 'sum' });
    const other = await test.tenants.create('other');

    expect(await metersOf(test.db.work, other)).toEqual([]);
    await expect(test.meters.get(other, 'tokens')).rejects.toMatchObject({ status: 404 });
  });

  it('is listed in the order of the keys', async () => {
    await using test = await createMeters();
    for (const key of ['c', 'a', 'b']) await test.put(key, { aggregation: 'sum' });

    const first = await test.meters.list(test.tenantId, {
      list: 'meters',
      after: undefined,
      limit: 2,
    });
    const second = await test.meters.list(test.tenantId, {
      list: 'meters',
      after: ['b'],
      limit: 2,
    });

    expect(first.data.map((meter) => meter.key)).toEqual(['a', 'b']);
    expect(first.next_cursor).not.toBeNull();
    expect(second.data.map((meter) => meter.key)).toEqual(['c']);
    expect(second.next_cursor).toBeNull();
  });
});

describe('settings that contradict each other', () => {
  it.each([
    ['no aggregation', {}, '/aggregation', 'required'],
    ['unique_count of nothing', { aggregation: 'unique_count' }, '/unique_property', 'required'],
    [
      'a unique property of sum',
      { aggregation: 'sum', unique_property: 'user' },
      '/unique_property',
      'invalid',
    ],
    [
      'a push_from inside an hour',
      { aggregation: 'sum', push_from: '2026-11-01T10:30:00Z' },
      '/push_from',
      'invalid',
    ],
    ['carry_last of max', { aggregation: 'max', carry_last: true }, '/carry_last', 'invalid'],
  ] as [string, PutMeterDto, string, string][])(
    'are refused: %s',
    async (_, dto, pointer, code) => {
      await using test = await createMeters();

      await expect(test.put('tokens', dto)).rejects.toMatchObject({
        status: 422,
        errors: [{ pointer, code }],
      });
      expect(await metersOf(test.db.work, test.tenantId)).toEqual([]);
    },
  );

  it('are refused: late usage carried forward where periods do not add up', async () => {
    await using test = await createMeters();
    const dto: PutMeterDto = { aggregation: 'max', late_usage: 'carry_forward' };

    await expect(test.put('peak', dto)).rejects.toMatchObject({
      code: 'late_usage_not_additive',
      status: 422,
    });
  });

  it('fall away with the aggregation they belonged to', async () => {
    await using test = await createMeters();
    await test.put('users', { aggregation: 'unique_count', unique_property: 'user' });

    expect(await test.put('users', { aggregation: 'sum' })).toMatchObject({ uniqueProperty: null });
    await test.put('users', { late_usage: 'carry_forward' });
    expect(await test.put('users', { aggregation: 'last', carry_last: true })).toMatchObject({
      lateUsage: 'amend',
    });
    expect(await test.put('users', { aggregation: 'sum' })).toMatchObject({ carryLast: false });
  });

  it.each(['Tokens', '1st', 'a-b', '', 'a'.repeat(65), 'a\n'])(
    'are refused: the key %j',
    async (key) => {
      await using test = await createMeters();

      await expect(test.put(key, { aggregation: 'sum' })).rejects.toMatchObject({ status: 422 });
    },
  );
});

describe('a meter with usage', () => {
  it('does not change what it counts, and names what would change', async () => {
    await using test = await createMeters();
    const { meterNo } = await test.put('tokens', { aggregation: 'sum' });
    await recordUsage(test, meterNo);

    await expect(
      test.put('tokens', { aggregation: 'max', value_property: 'peak', dimensions: ['model'] }),
    ).rejects.toMatchObject({
      code: 'meter_in_use',
      status: 409,
      extensions: { fields: ['aggregation', 'value_property', 'dimensions'] },
    });
    expect(await test.put('tokens', { filter: { tier: ['a'] } })).toMatchObject({ version: 2 });
  });

  it('does so while its usage is not folded yet, and other meters are free', async () => {
    await using test = await createMeters();
    const { meterNo } = await test.put('tokens', { aggregation: 'sum' });
    await test.put('other', { aggregation: 'sum' });
    await recordUsage(test, meterNo, 'usage_delta');

    await expect(test.put('tokens', { aggregation: 'max' })).rejects.toMatchObject({
      code: 'meter_in_use',
    });
    expect(await test.put('other', { aggregation: 'max' })).toMatchObject({ version: 2 });
  });

  it('tells one dimension with a comma from two', async () => {
    await using test = await createMeters();
    const { meterNo } = await test.put('tokens', { aggregation: 'sum', dimensions: ['a,b'] });
    await recordUsage(test, meterNo);

    await expect(test.put('tokens', { dimensions: ['a', 'b'] })).rejects.toMatchObject({
      code: 'meter_in_use',
    });
  });

  it.each(['off', 'shadow'] as const)('goes live from %s only from an instant on', async (push) => {
    await using test = await createMeters();
    const { meterNo } = await test.put('tokens', { aggregation: 'sum', push });
    await recordUsage(test, meterNo);

    await expect(test.put('tokens', { push: 'live' })).rejects.toMatchObject({
      code: 'push_from_required',
      status: 409,
    });
    expect(
      await test.put('tokens', { push: 'live', push_from: '2026-11-01T00:00:00Z' }),
    ).toMatchObject({ push: 'live' });
  });

  it('stays pushed from an instant on: that is moved, but not cleared', async () => {
    await using test = await createMeters();
    const live: PutMeterDto = { push: 'live', push_from: '2026-11-02T00:00:00Z' };
    const { meterNo } = await test.put('tokens', { aggregation: 'sum', ...live });
    await recordUsage(test, meterNo);

    await expect(test.put('tokens', { push_from: null })).rejects.toMatchObject({
      code: 'push_from_required',
      status: 409,
    });
    expect(await test.put('tokens', { push_from: '2026-11-01T00:00:00Z' })).toMatchObject({
      version: 2,
    });
    expect(await test.put('tokens', { unit: 'token' })).toMatchObject({ version: 3 });
  });

  it('goes live without usage as it is', async () => {
    await using test = await createMeters();
    await test.put('tokens', { aggregation: 'sum', push: 'off' });

    expect(await test.put('tokens', { push: 'live' })).toMatchObject({ push: 'live' });
  });
});

describe("a meter's Stripe event name", () => {
  it('is checked at once, though Stripe is not configured', async () => {
    await using test = await createMeters();

    const { stripe } = await test.meters.put(test.tenantId, 'tokens', {
      aggregation: 'sum',
      stripe_event_name: 'tokens',
    });

    expect(stripe).toEqual({ problem: 'stripe_not_configured' });
  });

  it('belongs to one meter, until that is archived', async () => {
    await using test = await createMeters();
    await test.put('a', { aggregation: 'sum', stripe_event_name: 'tokens' });
    const taken: PutMeterDto = { aggregation: 'sum', stripe_event_name: 'tokens' };

    await expect(test.put('b', taken)).rejects.toMatchObject({
      code: 'stripe_event_name_in_use',
      status: 409,
    });
    await test.meters.archive(test.tenantId, 'a');
    expect(await test.put('b', taken)).toMatchObject({ stripeEventName: 'tokens' });
    await expect(test.put('a', {})).rejects.toMatchObject({ code: 'stripe_event_name_in_use' });
  });

  it('changes after deliveries in an open period only where it is said what moves', async () => {
    await using test = await createMeters();
    const { meterNo } = await test.put('tokens', { aggregation: 'sum', stripe_event_name: 'one' });
    await recordDelivery(test, { meterNo, status: 'unknown' });

    await expect(test.put('tokens', { stripe_event_name: 'two' })).rejects.toMatchObject({
      code: 'mapping_in_use',
      status: 409,
    });
    expect(await test.put('tokens', { stripe_event_name: 'two', from: 'now' })).toMatchObject({
      version: 2,
      stripeEventName: 'two',
      mappingFrom: 'now',
    });
    expect(await test.put('tokens', { unit: 'token', from: 'period_start' })).toMatchObject({
      mappingFrom: 'now',
    });
    await test.meters.archive(test.tenantId, 'tokens');
    expect(await test.meters.get(test.tenantId, 'tokens')).toMatchObject({ mappingFrom: 'now' });
  });

  it.each([
    ['nothing was sent', { status: 'pending', closed: false }],
    ['the period is closed', { status: 'delivered', closed: true }],
  ])('changes freely where %s', async (_, delivery) => {
    await using test = await createMeters();
    const { meterNo } = await test.put('tokens', { aggregation: 'sum', stripe_event_name: 'one' });
    await recordDelivery(test, { meterNo, ...delivery });

    expect(await test.put('tokens', { stripe_event_name: 'two' })).toMatchObject({ version: 2 });
  });
});

describe('an instant in the settings', () => {
  it('is kept to the microsecond', async () => {
    await using test = await createMeters();

    const { billingStartsAt } = await test.put('tokens', {
      aggregation: 'sum',
      billing_starts_at: '2026-11-01T00:00:00.000001Z',
    });

    expect(formatInstantMicros(billingStartsAt!)).toBe('2026-11-01T00:00:00.000001Z');
  });
});
