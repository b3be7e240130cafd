import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventKey } from '../../src/domain/event-key.js';

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/event-keys.json', import.meta.url), 'utf8'),
) as { event_keys: { source: string; usage_event_id: string; event_key: string }[] };

const UUID_V7 = '018f3f5c-7a1b-7c3d-9e4f-0123456789ab';

/** Texts that fall on each other if a separator joins them or a length is forgotten. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '-', '\u0001', 'é'), maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 300 }).filter((s) => s.isWellFormed()),
);
const identity = fc.tuple(text, text);

describe('an event key', () => {
  it.each(vectors.event_keys)('of "$source" and "$usage_event_id" is kept', (vector) => {
    expect(eventKey(vector.source, vector.usage_event_id)).toBe(vector.event_key);
  });

  it('is the id itself where that is a canonical UUID without a source', () => {
    expect(eventKey('', UUID_V7)).toBe(UUID_V7);
  });

  it.each([
    ['in upper case', '', UUID_V7.toUpperCase()],
    ['without hyphens', '', UUID_V7.replaceAll('-', '')],
    ['with a source', 'gateway', UUID_V7],
    ['of version 8, which is ours', '', '018f3f5c-7a1b-8c3d-9e4f-0123456789ab'],
    ['of version 0', '', '00000000-0000-0000-0000-000000000000'],
    ['of another variant', '', '018f3f5c-7a1b-7c3d-ce4f-0123456789ab'],
    ['with a line end', '', `${UUID_V7}\n`],
    ['with something before it', '', `0${UUID_V7}`],
  ])('is a hash for a UUID %s', (_, source, id) => {
    expect(eventKey(source, id)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/);
    expect(eventKey(source, id)).not.toBe(id);
  });

  it('is the same for the same pair and another for every other pair', () => {
    fc.assert(
      fc.property(identity, identity, (a, b) => {
        const same = a[0] === b[0] && a[1] === b[1];
        expect(eventKey(...a) === eventKey(...b)).toBe(same);
        expect(eventKey(a[0], a[1])).toBe(eventKey(a[0], a[1]));
      }),
      { numRuns: 2_000 },
    );
  });

  it('does not move characters between source and id', () => {
    expect(eventKey('a-b', 'c')).not.toBe(eventKey('a', 'b-c'));
    expect(eventKey('a', '')).not.toBe(eventKey('', 'a'));
  });
});
