import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/domain/instant.js';
import { checkCloudEvent, cloudEventPointer } from '../../src/ingest/cloud-event.js';

const now = parseInstant('2026-11-21T12:00:00Z')!;
const cloudEvent = {
  specversion: '1.0',
  id: 'evt_1',
  source: 'gateway',
  subject: 'cus_1',
  type: 'tokens',
};

const check = (raw: unknown) => checkCloudEvent(raw, { mayAdjust: false, now });

function errorsOf(raw: unknown): string[] {
  const checked = check(raw);
  return 'errors' in checked ? checked.errors.map(({ pointer, code }) => `${pointer} ${code}`) : [];
}

describe('a CloudEvent', () => {
  it('is taken as the usage event that it holds', () => {
    const raw = {
      ...cloudEvent,
      time: '2026-11-01T00:00:00Z',
      datacontenttype: 'application/json; charset=utf-8',
      dataschema: 'https://example.com/schema',
      data: { quantity: '12.50', model: 'm', cached: false, n: 1 },
      traceparent: '00-x',
      sampled: true,
      sequence: 3,
    };
    expect(check(raw)).toEqual({
      event: {
        usageEventId: 'evt_1',
        source: 'gateway',
        customerId: 'cus_1',
        meter: 'tokens',
        quantity: '12.5',
        occurredAt: Date.UTC(2026, 10, 1) * 1_000,
        properties: { model: 'm', cached: false, n: 1 },
      },
    });
  });

  it('needs neither time nor data; null is the same as absent', () => {
    const event = {
      usageEventId: 'evt_1',
      source: 'gateway',
      customerId: 'cus_1',
      meter: 'tokens',
      quantity: undefined,
      occurredAt: undefined,
      properties: undefined,
    };
    expect(check(cloudEvent)).toEqual({ event });
    expect(check({ ...cloudEvent, time: null, data: null, data_base64: null, ext: null })).toEqual({
      event,
    });
    expect(check({ ...cloudEvent, data: {} })).toEqual({ event });
    expect(check({ ...cloudEvent, data: { quantity: null } })).toEqual({ event });
    expect(check({ ...cloudEvent, data: { quantity: 1 } })).toEqual({
      event: { ...event, quantity: '1' },
    });
  });

  it.each<[string, unknown, string[]]>([
    ['a list', [cloudEvent], [' invalid_type']],
    [
      'another version',
      { ...cloudEvent, specversion: '0.3' },
      ['/specversion specversion_unsupported'],
    ],
    [
      'a number as version',
      { ...cloudEvent, specversion: 1.0 },
      ['/specversion specversion_unsupported'],
    ],
    ['no version', { ...cloudEvent, specversion: null }, ['/specversion specversion_unsupported']],
    ['no source', { ...cloudEvent, source: null }, ['/source required']],
    ['an empty source', { ...cloudEvent, source: '' }, ['/source too_short']],
    [
      'no id, subject and type',
      { specversion: '1.0', source: 's' },
      ['/id required', '/subject required', '/type required'],
    ],
    ['an id that is an object', { ...cloudEvent, id: {} }, ['/id invalid_type']],
    ['a bad time', { ...cloudEvent, time: 'yesterday' }, ['/time occurred_at_invalid']],
    [
      'a time ahead',
      { ...cloudEvent, time: '2026-11-22T00:00:00Z' },
      ['/time occurred_at_in_future'],
    ],
    [
      'a bad quantity',
      { ...cloudEvent, data: { quantity: 'x' } },
      ['/data/quantity quantity_invalid'],
    ],
    [
      'a negative quantity',
      { ...cloudEvent, data: { quantity: -1 } },
      ['/data/quantity scope_required'],
    ],
    [
      'nested data',
      { ...cloudEvent, data: { quantity: 1, 'a/b': {}, c: null } },
      ['/data/a~1b property_not_scalar', '/data/c property_not_scalar'],
    ],
    ['data that is text', { ...cloudEvent, data: 'x' }, ['/data invalid_type']],
    ['data that is a list', { ...cloudEvent, data: [1] }, ['/data invalid_type']],
    ['data in base64', { ...cloudEvent, data_base64: 'e30=' }, ['/data_base64 data_not_json']],
    [
      'XML',
      { ...cloudEvent, datacontenttype: 'text/xml', data: 'x' },
      ['/datacontenttype data_not_json'],
    ],
    ['an extension that is an object', { ...cloudEvent, ext: {} }, ['/ext invalid_type']],
    ['an extension of another name', { ...cloudEvent, my_ext: 1 }, ['/my_ext unknown_field']],
    [
      'a prototype',
      JSON.parse('{"specversion":"1.0","source":"s","__proto__":1}'),
      ['/__proto__ unknown_field'],
    ],
    [
      'a prototype in its data',
      { ...cloudEvent, data: JSON.parse('{"__proto__":{"admin":true}}') as unknown },
      ['/data/__proto__ properties_invalid'],
    ],
  ])('with %s is refused by its own members', (_, raw, errors) => {
    expect(errorsOf(raw)).toEqual(errors);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('is pointed at as it was sent', () => {
    const pointers = ['', '/usage_event_id', '/source', '/properties', '/properties/a', '/else'];
    expect(pointers.map(cloudEventPointer)).toEqual([
      '',
      '/id',
      '/source',
      '/data',
      '/data/a',
      '/else',
    ]);
  });
});
