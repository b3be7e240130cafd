import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonPointer } from '../../src/domain/json-pointer.js';
import { codePointLength, isAtMost, isStorableText } from '../../src/domain/text.js';

describe('a text', () => {
  it.each(['', 'a', 'é', '\u0001', '\ufeff', '\uffff', '😀', 'e\u0301'])(
    '%j can be kept as it is',
    (text) => {
      expect(isStorableText(text)).toBe(true);
    },
  );

  it.each(['\0', 'a\0b', '\ud800', '\udc00', '😀\ud83d', '\ude00\ud83d'])('%j cannot', (text) => {
    expect(isStorableText(text)).toBe(false);
  });

  it('is measured in code points, as PostgreSQL does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(40), (text, limit) => {
        expect(codePointLength(text)).toBe([...text].length);
        expect(isAtMost(text, limit)).toBe([...text].length <= limit);
      }),
    );
  });
});

describe('a JSON pointer', () => {
  it('escapes what has a meaning in it', () => {
    expect(jsonPointer()).toBe('');
    expect(jsonPointer('events', 3, 'a/b~c')).toBe('/events/3/a~1b~0c');
    expect(jsonPointer('', '~1')).toBe('//~01');
  });
});
