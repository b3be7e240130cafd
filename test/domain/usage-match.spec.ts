import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Meter } from '../../src/domain/meter.js';
import type { PropertyValue, UsageEvent } from '../../src/domain/usage-event.js';
import { countEvent, metersByEventType } from '../../src/domain/usage-match.js';

function meter(more: Partial<Meter> = {}): Meter {
  return {
    meterNo: 1,
    key: 'tokens',
    version: 1,
    aggregation: 'sum',
    displayName: null,
    unit: null,
    eventTypes: [],
    valueProperty: 'quantity',
    uniqueProperty: null,
    filter: {},
    dimensions: [],
    carryLast: false,
    stripeEventName: null,
    push: 'off',
    pushFrom: null,
    billingStartsAt: null,
    lateUsage: 'carry_forward',
    archived: false,
    ...more,
  };
}

function event(more: Partial<UsageEvent> = {}): UsageEvent {
  return {
    usageEventId: 'evt_1',
    source: '',
    customerId: 'acme',
    meter: 'tokens',
    quantity: '12.5',
    occurredAt: undefined,
    properties: undefined,
    ...more,
  };
}

const count = (one: UsageEvent, ...meters: Meter[]) => countEvent(one, metersByEventType(meters));

describe('the meters that listen to a type', () => {
  it('are found by their key and by each of their event types', () => {
    const tokens = meter({ eventTypes: ['chat', 'embed'] });
    const seats = meter({ meterNo: 2, key: 'seats', eventTypes: ['chat'] });
    expect(new Map(metersByEventType([tokens, seats]))).toEqual(
      new Map([
        ['tokens', [tokens]],
        ['chat', [tokens, seats]],
        ['embed', [tokens]],
        ['seats', [seats]],
      ]),
    );
  });

  it('listen once, though their key is among their event types or a type is there twice', () => {
    const tokens = meter({ eventTypes: ['tokens', 'chat', 'chat'] });
    const byType = metersByEventType([tokens]);
    expect(byType.get('tokens')).toEqual([tokens]);
    expect(byType.get('chat')).toEqual([tokens]);
  });

  it('are not archived', () => {
    const archived = meter({ eventTypes: ['chat'], archived: true });
    const other = meter({ meterNo: 2, key: 'calls', eventTypes: ['chat'] });
    const byType = metersByEventType([archived, other]);
    expect(byType.get('chat')).toEqual([other]);
    expect(byType.has('tokens')).toBe(false);
  });
});

describe('an event of a type that no meter listens to', () => {
  it.each([['unknown', meter()] as const, ['tokens', meter({ archived: true })] as const])(
    '%s is at fault, and the answer says what to do',
    (name, only) => {
      expect(count(event({ meter: name }), only)).toEqual({
        code: 'unknown_meter',
        pointer: '/meter',
        detail:
          'No meter has this key or lists it in its event_types. Create it with PUT /v1/meters/:key and send the event again.',
      });
    },
  );
});

describe('an event', () => {
  it.each(['sum', 'max', 'last'] as const)('counts its quantity in a %s', (aggregation) => {
    const only = meter({ aggregation });
    expect(count(event(), only)).toEqual([
      { meter: only, quantity: '12.5', uniqueValue: undefined, dimensions: '[]' },
    ]);
  });

  it('counts once in a count of events, whatever its quantity', () => {
    const only = meter({ aggregation: 'count' });
    const one = [{ meter: only, quantity: '1', uniqueValue: undefined, dimensions: '[]' }];
    expect(count(event(), only)).toEqual(one);
    expect(count(event({ quantity: undefined }), only)).toEqual(one);
  });

  it('counts in each meter that listens, in the order of the meters', () => {
    const tokens = meter({ eventTypes: ['chat'] });
    const calls = meter({ meterNo: 2, key: 'calls', aggregation: 'count', eventTypes: ['chat'] });
    const other = meter({ meterNo: 3, key: 'other' });
    expect(count(event({ meter: 'chat' }), tokens, other, calls)).toMatchObject([
      { meter: tokens, quantity: '12.5' },
      { meter: calls, quantity: '1' },
    ]);
  });

  it('counts nowhere where no filter lets it through, and is not at fault for it', () => {
    const filtered = meter({ filter: { region: ['eu', '1', 'true'] }, valueProperty: 'size' });
    expect(count(event(), filtered)).toEqual([]);
    expect(count(event({ properties: { region: 'us' } }), filtered)).toEqual([]);
  });

  it.each(['eu', 1, true])('passes a filter by the text of its property, here %j', (region) => {
    const filtered = meter({ filter: { region: ['eu', '1', 'true'] } });
    expect(count(event({ properties: { region } }), filtered)).toHaveLength(1);
  });

  it('must pass each part of a filter', () => {
    const filtered = meter({ filter: { region: ['eu'], tier: ['pro'] } });
    expect(count(event({ properties: { region: 'eu', tier: 'pro' } }), filtered)).toHaveLength(1);
    expect(count(event({ properties: { region: 'eu', tier: 'free' } }), filtered)).toEqual([]);
    expect(count(event({ properties: { region: 'eu' } }), filtered)).toEqual([]);
  });

  it('is of the group that its properties name, null for one that it lacks', () => {
    const grouped = meter({ dimensions: ['region', 'model', 'cached', 'toString'] });
    const properties = { model: 7, region: 'eu "west"', cached: false };
    expect(count(event({ properties }), grouped)).toMatchObject([
      { dimensions: '["eu \\"west\\"","7","false",null]' },
    ]);
    expect(count(event(), grouped)).toMatchObject([{ dimensions: '[null,null,null,null]' }]);
  });
});

describe('the quantity of an event', () => {
  it('is required where a meter reads it', () => {
    expect(count(event({ quantity: undefined }), meter())).toEqual({
      code: 'quantity_required',
      pointer: '/quantity',
      detail: 'The meter tokens reads a quantity; send it as a decimal string.',
    });
  });

  it('is what another property says where the meter reads that, not the quantity', () => {
    const sized = meter({ valueProperty: 'size' });
    expect(count(event({ properties: { size: '07' } }), sized)).toMatchObject({
      code: 'property_not_decimal',
    });
    expect(count(event({ properties: { size: '7.50' } }), sized)).toMatchObject([
      { quantity: '7.5' },
    ]);
    expect(count(event({ properties: { size: 7.5 } }), sized)).toMatchObject([{ quantity: '7.5' }]);
    expect(count(event({ properties: { size: 0 } }), sized)).toMatchObject([{ quantity: '0' }]);
  });

  it.each<[PropertyValue]>([
    [''],
    ['many'],
    ['1e3'],
    [true],
    [false],
    [0.1 + 0.2],
    [1234567890.123456],
    [1e15],
    ['0.0000000000001'],
  ])('cannot be read from %j, and the fault points at it', (value) => {
    expect(count(event({ properties: { 'a/b': value } }), meter({ valueProperty: 'a/b' }))).toEqual(
      {
        code: 'property_not_decimal',
        pointer: '/properties/a~1b',
        detail:
          'The meter tokens reads a decimal here: a string of at most 15 integer and 12 fraction digits.',
      },
    );
  });

  it.each([undefined, {}, { other: '1' }])(
    'is required where a property is to say it, and %j does not have that',
    (properties) => {
      expect(count(event({ properties }), meter({ valueProperty: 'constructor' }))).toEqual({
        code: 'property_required',
        pointer: '/properties/constructor',
        detail: 'The meter tokens reads this property; send the event with it.',
      });
    },
  );
});

describe('a count of distinct values', () => {
  const unique = meter({ aggregation: 'unique_count', uniqueProperty: 'user' });

  it.each([
    ['ann', 'ann'],
    ['', ''],
    [7, '7'],
    [false, 'false'],
  ])('counts the text of %j', (user, text) => {
    expect(count(event({ quantity: undefined, properties: { user } }), unique)).toEqual([
      { meter: unique, quantity: '1', uniqueValue: text, dimensions: '[]' },
    ]);
  });

  it('is not made of a property where a meter counts none', () => {
    const properties = { null: 'ann', undefined: 'bob' };
    expect(count(event({ properties }), meter())).toMatchObject([{ uniqueValue: undefined }]);
  });

  it('cannot do without the property', () => {
    expect(count(event({ properties: { users: 'ann' } }), unique)).toEqual({
      code: 'property_required',
      pointer: '/properties/user',
      detail: 'The meter tokens reads this property; send the event with it.',
    });
  });
});

describe('an event that one of its meters cannot read', () => {
  it('is at fault as a whole, whichever meter comes first', () => {
    const readable = meter({
      meterNo: 1,
      key: 'calls',
      aggregation: 'count',
      eventTypes: ['chat'],
    });
    const unreadable = meter({ meterNo: 2, valueProperty: 'size', eventTypes: ['chat'] });
    const fault = { code: 'property_required', pointer: '/properties/size' };
    expect(count(event({ meter: 'chat' }), readable, unreadable)).toMatchObject(fault);
    expect(count(event({ meter: 'chat' }), unreadable, readable)).toMatchObject(fault);
  });

  it('counts in every meter that lets it through, or in none', () => {
    const anyMeter = fc
      .record({
        aggregation: fc.constantFrom('sum', 'count', 'max', 'last', 'unique_count'),
        valueProperty: fc.constantFrom('quantity', 'size', 'region'),
        filter: fc.constantFrom<Meter['filter']>({}, { region: ['eu'] }),
      })
      .map((settings) =>
        meter({
          ...settings,
          eventTypes: ['chat'],
          uniqueProperty: settings.aggregation === 'unique_count' ? 'user' : null,
        }),
      );
    const anyEvent = fc
      .record({
        quantity: fc.constantFrom(undefined, '1'),
        properties: fc.record(
          {
            size: fc.constantFrom('2', 'big'),
            region: fc.constantFrom('eu', 'us'),
            user: fc.constantFrom('ann', 'bob'),
          },
          { requiredKeys: [] },
        ),
      })
      .map((members) => event({ ...members, meter: 'chat' }));
    fc.assert(
      fc.property(fc.array(anyMeter, { maxLength: 4 }), anyEvent, (meters, one) => {
        fc.pre(meters.length > 0);
        const letThrough = meters.filter(
          ({ filter }) => filter['region'] === undefined || one.properties?.['region'] === 'eu',
        );
        const all = count(one, ...meters);
        const alone = letThrough.map((each) => count(one, each));
        const fault = alone.find((each) => !Array.isArray(each));
        expect(all).toEqual(fault ?? alone.flat());
      }),
    );
  });
});
