import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInstant, MICROS_PER_MINUTE, parseInstant } from '../../src/domain/instant.js';
import { checkUsageEvent } from '../../src/ingest/check-usage-event.js';
import { nearValidEvent } from './near-valid-event.js';

const now = parseInstant('2026-11-21T12:00:00Z')!;
const event = { usage_event_id: 'evt_1', customer_id: 'cus_1', meter: 'api_calls' };

function errorsOf(raw: unknown, mayAdjust = false): string[] {
  const checked = checkUsageEvent(raw, { mayAdjust, now });
  return 'errors' in checked ? checked.errors.map(({ pointer, code }) => `${pointer} ${code}`) : [];
}

const many = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]));

describe('the check of a usage event', () => {
  it.each<[string, unknown, string[]]>([
    ['a list', [event], [' invalid_type']],
    ['null', null, [' invalid_type']],
    ['a text', 'x', [' invalid_type']],
    [
      'an empty object',
      {},
      ['/usage_event_id required', '/customer_id required', '/meter required'],
    ],
    ['a null id', { ...event, usage_event_id: null }, ['/usage_event_id required']],
    ['a number as id', { ...event, usage_event_id: 1 }, ['/usage_event_id invalid_type']],
    ['an empty meter', { ...event, meter: '' }, ['/meter too_short']],
    ['a blank meter', { ...event, meter: ' ' }, []],
    ['255 characters', { ...event, customer_id: 'x'.repeat(255) }, []],
    ['256 characters', { ...event, customer_id: 'x'.repeat(256) }, ['/customer_id too_long']],
    ['255 pairs', { ...event, customer_id: '😀'.repeat(255) }, []],
    ['256 pairs', { ...event, customer_id: '😀'.repeat(256) }, ['/customer_id too_long']],
    ['a long source', { ...event, source: 'x'.repeat(256) }, ['/source too_long']],
    ['an empty source', { ...event, source: '' }, []],
    ['a null source', { ...event, source: null }, ['/source invalid_type']],
    ['NUL', { ...event, usage_event_id: 'a\0' }, ['/usage_event_id invalid_text']],
    ['a lone surrogate', { ...event, source: '\ud800' }, ['/source invalid_text']],
    ['another field', { ...event, 'a/b': 1 }, ['/a~1b unknown_field']],
    ['the field constructor', { ...event, constructor: 1 }, ['/constructor unknown_field']],
    [
      'the field __proto__',
      JSON.parse(`{"__proto__":{"quantity":1},"usage_event_id":"a","customer_id":"c","meter":"m"}`),
      ['/__proto__ unknown_field'],
    ],
    ['a quantity that is true', { ...event, quantity: true }, ['/quantity invalid_type']],
    ['an inexact number', { ...event, quantity: 0.1 + 0.2 }, ['/quantity quantity_not_exact']],
    ['2^53', { ...event, quantity: 2 ** 53 }, ['/quantity quantity_not_exact']],
    ['infinity', { ...event, quantity: Infinity }, ['/quantity quantity_not_exact']],
    ['a small exponent', { ...event, quantity: 1e-7 }, ['/quantity quantity_not_exact']],
    ['too many places', { ...event, quantity: 0.0000012345678 }, ['/quantity quantity_invalid']],
    ['hex', { ...event, quantity: '0x10' }, ['/quantity quantity_invalid']],
    ['an empty quantity', { ...event, quantity: '' }, ['/quantity quantity_invalid']],
    ['a date alone', { ...event, occurred_at: '2026-11-01' }, ['/occurred_at occurred_at_invalid']],
    ['a Unix time', { ...event, occurred_at: 1_793_491_200 }, ['/occurred_at invalid_type']],
    ['a list of properties', { ...event, properties: [] }, ['/properties properties_invalid']],
    [
      'two wrong properties with names too long to tell',
      { ...event, properties: { ['a'.repeat(256)]: null, ['b'.repeat(256)]: null, c: null } },
      ['/properties property_not_scalar', '/properties/c property_not_scalar'],
    ],
    ['50 properties', { ...event, properties: many(50) }, []],
    ['51 properties', { ...event, properties: many(51) }, ['/properties properties_too_many']],
    ['4 KiB', { ...event, properties: { a: 'x'.repeat(4096 - 8) } }, []],
    [
      'a byte more',
      { ...event, properties: { a: 'x'.repeat(4096 - 7) } },
      ['/properties properties_too_large'],
    ],
    [
      'nested properties',
      { ...event, properties: { a: null, 'b/c': {}, d: [], e: 1 } },
      [
        '/properties/a property_not_scalar',
        '/properties/b~1c property_not_scalar',
        '/properties/d property_not_scalar',
      ],
    ],
    [
      'a bad name and a bad text',
      { ...event, properties: { 'a\0': 1, b: '\udc00', c: Infinity } },
      [
        '/properties/a\0 invalid_text',
        '/properties/b invalid_text',
        '/properties/c property_not_finite',
      ],
    ],
  ])('of %s finds what is wrong', (_, raw, errors) => {
    expect(errorsOf(raw)).toEqual(errors);
  });

  it('tells each field only once, whatever it breaks', () => {
    fc.assert(
      fc.property(nearValidEvent, (raw) => {
        const pointers = errorsOf(raw).map((error) => error.slice(0, error.lastIndexOf(' ')));
        expect(new Set(pointers).size).toBe(pointers.length);
      }),
    );
  });

  it('gives every error a detail in words', () => {
    fc.assert(
      fc.property(nearValidEvent, (raw) => {
        const checked = checkUsageEvent(raw, { mayAdjust: false, now });
        const errors = 'errors' in checked ? checked.errors : [];
        expect(errors.filter((error) => error.detail.length < 10)).toEqual([]);
      }),
    );
  });

  it('does not touch Object.prototype', () => {
    const raw: unknown = JSON.parse(
      '{"usage_event_id":"a","customer_id":"c","meter":"m","properties":{"__proto__":{"admin":true}}}',
    );
    expect(errorsOf(raw)).toEqual(['/properties/__proto__ properties_invalid']);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('asks a negative quantity for the scope usage:adjust', () => {
    const negative = { ...event, quantity: '-0.5' };
    expect(errorsOf(negative)).toEqual(['/quantity scope_required']);
    expect(errorsOf(negative, true)).toEqual([]);
    expect(errorsOf({ ...event, quantity: '-0.00' })).toEqual([]);
    expect(errorsOf({ ...event, quantity: -1 })).toEqual(['/quantity scope_required']);

    const checked = checkUsageEvent(negative, { mayAdjust: false, now });
    expect('errors' in checked && checked.errors[0]?.detail).toContain('usage:adjust');
  });

  it.each([
    [formatInstant(now + 5 * MICROS_PER_MINUTE), []],
    [formatInstant(now + 5 * MICROS_PER_MINUTE + 1), ['/occurred_at occurred_at_in_future']],
    ['2000-01-01T00:00:00Z', []],
    ['1999-12-31T23:59:59.999999Z', ['/occurred_at occurred_at_too_old']],
    ['2200-01-01T00:00:00Z', ['/occurred_at occurred_at_in_future']],
  ])('of an event that occurred at %s gives %j', (occurred_at, errors) => {
    expect(errorsOf({ ...event, occurred_at })).toEqual(errors);
  });

  it('leaves the future to the recorder where no clock is given', () => {
    const ahead = { ...event, occurred_at: '2200-01-01T00:00:00Z' };
    expect('event' in checkUsageEvent(ahead, { mayAdjust: false })).toBe(true);
    const old = { ...event, occurred_at: '1999-12-31T23:59:59Z' };
    expect('event' in checkUsageEvent(old, { mayAdjust: false })).toBe(false);
  });
});
