import { describe, expect, it } from 'vitest';
import type { CustomerChange } from '../../src/customers/customer-change.js';
import { formatInstant } from '../../src/domain/instant.js';
import { PutCustomerDto, toCustomerChange } from '../../src/periods/customer.dto.js';
import { ProblemValidationPipe } from '../../src/problem/validation.pipe.js';

async function read(body: unknown): Promise<CustomerChange> {
  const pipe = new ProblemValidationPipe();
  const dto = await pipe.transform(body, { type: 'body', metatype: PutCustomerDto });
  return toCustomerChange('acme', dto as PutCustomerDto);
}

describe('the body of a customer', () => {
  it('takes a billing period with its defaults', async () => {
    const { schedule } = await read({
      billing_period: { interval: 'week', timezone: 'Europe/Berlin' },
    });

    expect(schedule).toMatchObject({
      interval: 'week',
      intervalCount: 1,
      timezone: 'Europe/Berlin',
    });
    expect(formatInstant(schedule!.anchor)).toBe('2023-12-31T23:00:00.000Z');
    expect((await read({ billing_period: { interval: 'day' } })).schedule).toMatchObject({
      timezone: 'UTC',
    });
  });

  it('takes a billing period in full', async () => {
    const { schedule } = await read({
      billing_period: {
        interval: 'month',
        interval_count: 3,
        anchor: '2026-01-31T14:23:07.5+01:00',
        timezone: 'UTC',
      },
    });

    expect(schedule).toEqual({
      interval: 'month',
      intervalCount: 3,
      anchor: Date.UTC(2026, 0, 31, 13, 23, 7, 500) * 1_000,
      timezone: 'UTC',
    });
  });

  it('tells clearing from leaving alone', async () => {
    expect(await read({ billing_period: null, aliases: null })).toMatchObject({
      schedule: null,
      aliases: null,
      name: undefined,
      stripeCustomerId: undefined,
      push: undefined,
    });
    expect(await read({ from: 'now' })).toMatchObject({ from: 'now', schedule: undefined });
  });

  it.each([
    [{ name: 1 }, '/name', 'invalid_type'],
    [{ aliases: ['a', ''] }, '/aliases', 'too_short'],
    [{ aliases: Array.from({ length: 101 }, String) }, '/aliases', 'too_long'],
    [{ push: 'on' }, '/push', 'invalid'],
    [{ customer_id: 'other' }, '/customer_id', 'unknown_field'],
    [{ billing_period: {} }, '/billing_period/interval', 'required'],
    [{ billing_period: { interval: 'hour' } }, '/billing_period/interval', 'invalid'],
    [
      { billing_period: { interval: 'day', interval_count: 0 } },
      '/billing_period/interval_count',
      'invalid',
    ],
    [
      { billing_period: { interval: 'day', interval_count: 1.5 } },
      '/billing_period/interval_count',
      'invalid_type',
    ],
    [
      { billing_period: { interval: 'day', anchor: 'yesterday' } },
      '/billing_period/anchor',
      'invalid',
    ],
    [{ billing_period: { interval: 'day', day: 1 } }, '/billing_period/day', 'unknown_field'],
    // Its first boundary before 2000 lies before the year 1684.
    [
      { billing_period: { interval: 'year', interval_count: 1_000 } },
      '/billing_period/interval_count',
      'invalid',
    ],
  ])('is refused: %j', async (body, pointer, code) => {
    await expect(read(body)).rejects.toMatchObject({
      status: 422,
      code: 'validation_failed',
      errors: [expect.objectContaining({ pointer, code })],
    });
  });

  it.each(['Mars/Olympus', '+01:00', ''])('is refused in the time zone %j', async (timezone) => {
    await expect(read({ billing_period: { interval: 'day', timezone } })).rejects.toMatchObject({
      status: 422,
      code: 'timezone_unknown',
    });
  });
});
