import { describe, expect, it } from 'vitest';
import { PutMeterDto, toMeterChange } from '../../src/meters/meter.dto.js';
import type { MeterChange } from '../../src/meters/meter-settings.js';
import { ProblemValidationPipe } from '../../src/problem/validation.pipe.js';

async function read(body: unknown): Promise<MeterChange> {
  const pipe = new ProblemValidationPipe();
  return toMeterChange(
    (await pipe.transform(body, { type: 'body', metatype: PutMeterDto })) as PutMeterDto,
  );
}

describe('the body of a meter', () => {
  it('leaves absent what was not sent, and null what was cleared', async () => {
    const change = await read({ unit: null });

    expect(change.unit).toBeNull();
    expect(Object.values({ ...change, unit: undefined }).every((v) => v === undefined)).toBe(true);
  });

  it.each(['constructor', 'prototype', '__proto__'])(
    'is refused with a filter of %s, rather than read without it',
    async (property) => {
      await expect(
        read(JSON.parse(`{"filter":{"a":["b"],"${property}":["c"]}}`)),
      ).rejects.toMatchObject({
        errors: [{ pointer: `/filter/${property}`, code: 'unknown_field' }],
      });
    },
  );

  it('keeps other properties of a filter whatever they are called', async () => {
    const names = ['toString', 'hasOwnProperty', 'a.b', ' '];

    const { filter } = await read({
      filter: Object.fromEntries(names.map((name) => [name, [true]])),
    });

    expect(Object.entries(filter!)).toEqual(names.map((name) => [name, ['true']]));
  });

  it.each([
    [{ aggregation: null }, '/aggregation', 'invalid'],
    [{ aggregation: 'avg' }, '/aggregation', 'invalid'],
    [{ display_name: 1 }, '/display_name', 'invalid_type'],
    [{ display_name: '' }, '/display_name', 'too_short'],
    [{ display_name: 'x'.repeat(256) }, '/display_name', 'too_long'],
    [{ unit: 'a\0' }, '/unit', 'invalid_text'],
    [{ event_types: [] }, '/event_types', 'too_short'],
    [{ event_types: 'a' }, '/event_types', 'invalid_type'],
    [{ event_types: ['a', 'a'] }, '/event_types', 'invalid'],
    [{ event_types: [1] }, '/event_types', 'invalid_type'],
    [{ dimensions: ['a', 'b', 'c'] }, '/dimensions', 'too_long'],
    [{ carry_last: 'yes' }, '/carry_last', 'invalid_type'],
    [{ stripe_event_name: 'x'.repeat(101) }, '/stripe_event_name', 'too_long'],
    [{ push: 'on' }, '/push', 'invalid'],
    [{ push_from: '2026-11-31T00:00:00Z' }, '/push_from', 'invalid'],
    [{ push_from: '2026-11-30' }, '/push_from', 'invalid'],
    [{ late_usage: 'ignore' }, '/late_usage', 'invalid'],
    [{ from: 'later' }, '/from', 'invalid'],
    [{ filter: [] }, '/filter', 'invalid'],
    [{ filter: { a: 'b' } }, '/filter', 'invalid'],
    [{ filter: { a: [] } }, '/filter', 'invalid'],
    [{ filter: { a: [null] } }, '/filter', 'invalid'],
    [{ filter: { a: [{}] } }, '/filter', 'invalid'],
    [{ filter: { '': ['a'] } }, '/filter', 'invalid'],
    [{ archived: true }, '/archived', 'unknown_field'],
  ])('is refused: %j', async (body, pointer, code) => {
    await expect(read(body)).rejects.toMatchObject({
      status: 422,
      code: 'validation_failed',
      errors: [expect.objectContaining({ pointer, code })],
    });
  });
});
