import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lengthPrefixed } from '../../src/domain/length-prefixed.js';

/** By another way than the one that is tested: no shared buffer, no loop over characters. */
function asDefined(fields: readonly (string | undefined)[]): string {
  const pieces = fields.flatMap((field) => {
    const length = Buffer.alloc(4);
    if (field === undefined) return [Buffer.from([0xff, 0xff, 0xff, 0xff])];
    length.writeUInt32BE(Buffer.byteLength(field));
    return [length, Buffer.from(field)];
  });
  return Buffer.concat(pieces).toString('hex');
}

const bytesOf = (fields: readonly (string | undefined)[]): string =>
  lengthPrefixed(fields).toString('hex');

describe('texts that are joined by their lengths', () => {
  it.each<[string, (string | undefined)[], string]>([
    ['no text is no byte', [], ''],
    ['an empty text is its length alone', [''], '00000000'],
    ['an absent text is no length that a text can have', [undefined], 'ffffffff'],
    ['a text follows its length', ['ab'], '000000026162'],
    ['a length counts bytes, not characters', ['é'], '00000002c3a9'],
    ['a length goes before each text', ['a', undefined, 'b'], '0000000161ffffffff0000000162'],
    ['the last of 7 bits is one byte', ['\u007f'], '000000017f'],
    ['the first beyond 7 bits are two', ['\u0080'], '00000002c280'],
    ['a character in two units is four bytes', ['😀'], '00000004f09f9880'],
    ['a late character beyond 7 bits loses nothing before it', ['aaé'], '000000046161c3a9'],
  ])('%s', (_, fields, hex) => {
    expect(bytesOf(fields)).toBe(hex);
  });

  it.each([47, 48, 49, 255, 256, 65_536])('holds for a text of %d characters', (length) => {
    for (const character of ['a', 'é']) {
      const fields = [undefined, character.repeat(length), 'b'];
      expect(bytesOf(fields)).toBe(asDefined(fields));
    }
  });

  it('are the bytes that the definition says, whatever the texts', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    const fields = fc.array(fc.option(text, { nil: undefined }), { maxLength: 8 });
    fc.assert(
      fc.property(fields, (list) => {
        expect(bytesOf(list)).toBe(asDefined(list));
      }),
      { numRuns: 200 },
    );
  });

  it('never give the same bytes for two lists', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\0', '\u0001', 'ÿ'), maxLength: 4 });
    const fields = fc.array(fc.option(text, { nil: undefined }), { maxLength: 3 });
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const isSame = a.length === b.length && a.every((field, index) => field === b[index]);
        expect(bytesOf(a) === bytesOf(b)).toBe(isSame);
      }),
      { numRuns: 1_000 },
    );
  });

  it('have room whether there is one long text or many short ones', () => {
    // Each beyond all the room there was before it, of the characters that take the most of it.
    const long = ['あ'.repeat(200_000)];
    expect(bytesOf(long)).toBe(asDefined(long));
    const many = Array.from({ length: 400_000 }, () => '');
    expect(bytesOf(many)).toBe('00000000'.repeat(400_000));
    const absent = Array.from({ length: 800_000 }, () => undefined);
    expect(bytesOf(absent)).toBe('ffffffff'.repeat(800_000));
  });
});
