import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { differingFields, fingerprint } from '../../src/domain/fingerprint.js';
import type { PropertyValue, UsageEvent } from '../../src/domain/usage-event.js';

interface Vector {
  event: {
    source: string;
    usage_event_id: string;
    customer_id: string;
    meter: string;
    quantity?: string;
    occurred_at_micros?: number;
    properties?: Record<string, PropertyValue>;
  };
  fingerprint: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/event-keys.json', import.meta.url), 'utf8'),
) as { fingerprints: Vector[] };

const event: UsageEvent = {
  usageEventId: 'evt_1',
  source: '',
  customerId: 'cus_42',
  meter: 'api_calls',
  quantity: '12.5',
  occurredAt: 1_793_491_200_000_001,
  properties: { region: 'eu' },
};

const text = fc.string({ unit: fc.constantFrom('a', 'b', '0', '-', '{', 'é'), maxLength: 4 });
const propertyValue = fc.oneof(text, fc.integer({ min: -2, max: 2 }), fc.boolean());
const usageEvent: fc.Arbitrary<UsageEvent> = fc.record({
  usageEventId: text,
  source: text,
  customerId: text,
  meter: text,
  quantity: fc.option(fc.constantFrom('0', '1', '-1', '1.5'), { nil: undefined }),
  occurredAt: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  properties: fc.option(fc.dictionary(text, propertyValue, { maxKeys: 3 }), { nil: undefined }),
});

/** Equality by another way than the canonical form: whatever the order of the property keys. */
const isSame = (a: UsageEvent, b: UsageEvent): boolean =>
  JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
const sorted = ({ properties, ...fields }: UsageEvent) => [
  Object.entries(fields)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, value ?? null]),
  properties === undefined
    ? null
    : Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
];

describe('a fingerprint', () => {
  it.each(vectors.fingerprints)('of $event is kept', (vector) => {
    const print = fingerprint({
      usageEventId: vector.event.usage_event_id,
      source: vector.event.source,
      customerId: vector.event.customer_id,
      meter: vector.event.meter,
      quantity: vector.event.quantity,
      occurredAt: vector.event.occurred_at_micros,
      properties: vector.event.properties,
    });
    expect(print.toString('hex')).toBe(vector.fingerprint);
  });

  it('has 16 bytes and begins with the number of its canonical form', () => {
    expect(fingerprint(event)).toHaveLength(16);
    expect(fingerprint(event)[0]).toBe(1);
  });

  it.each<[string, Partial<UsageEvent>]>([
    ['usage_event_id', { usageEventId: 'evt_2' }],
    ['source', { source: 'gateway' }],
    ['customer_id', { customerId: 'cus_43' }],
    ['meter', { meter: 'api_call' }],
    ['quantity', { quantity: '12.51' }],
    ['quantity', { quantity: undefined }],
    ['occurred_at', { occurredAt: 1_793_491_200_000_002 }],
    ['occurred_at', { occurredAt: undefined }],
    ['properties', { properties: { region: 'us' } }],
    ['properties', { properties: {} }],
    ['properties', { properties: undefined }],
  ])('changes with %s, which the conflict then names', (field, change) => {
    const other = { ...event, ...change };
    expect(fingerprint(other).equals(fingerprint(event))).toBe(false);
    expect(differingFields(event, other)).toEqual([field]);
  });

  it('tells a number from its text and a boolean from its name', () => {
    const prints = ['1', 1, 'true', true].map((a) =>
      fingerprint({ ...event, properties: { a } }).toString('hex'),
    );
    expect(new Set(prints).size).toBe(4);
  });

  it('does not depend on the order of the properties', () => {
    fc.assert(
      fc.property(fc.dictionary(text, propertyValue), (properties) => {
        const reversed = Object.fromEntries(Object.entries(properties).reverse());
        const print = fingerprint({ ...event, properties });
        expect(fingerprint({ ...event, properties: reversed }).equals(print)).toBe(true);
      }),
    );
  });

  it('is equal for equal events only, and names a difference for all others', () => {
    fc.assert(
      fc.property(usageEvent, usageEvent, (a, b) => {
        const same = isSame(a, b);
        expect(fingerprint(a).equals(fingerprint(b))).toBe(same);
        expect(differingFields(a, b).length === 0).toBe(same);
      }),
      { numRuns: 3_000 },
    );
  });

  it('holds for texts longer than any before', () => {
    const long = { ...event, properties: { note: 'x'.repeat(100_000) } };
    expect(fingerprint(long).equals(fingerprint({ ...long }))).toBe(true);
    expect(fingerprint(event).equals(fingerprint(long))).toBe(false);
  });
});
