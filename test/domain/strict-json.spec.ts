import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../src/domain/strict-json.js';
import { decodeUtf8 } from '../../src/domain/utf8.js';

function codeOf(text: string): string {
  const parsed = parseStrictJson(text);
  return parsed.ok ? 'ok' : parsed.code;
}

const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const objects = (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);

/** Keys that look like structure, and few of them, so that objects share them. */
const key = fc.constantFrom(
  'a',
  'b',
  ':',
  '{"a":1}',
  '\\',
  '"',
  '\\"',
  'é',
  '😀',
  '',
  '1',
  '__proto__',
);
const { tree } = fc.letrec<{ tree: unknown; object: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    fc.oneof(key, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()),
    fc.array(tie('tree'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(key, tie('tree'), { maxKeys: 3 }),
}));

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseStrictJson(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
      }),
      { numRuns: 1_000 },
    );
  });

  it('never throws, and takes no text that JSON.parse refuses', () => {
    const scraps = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      'a',
      '1',
      'e-9',
      ' ',
      '"a"',
    );
    fc.assert(
      fc.property(fc.array(scraps, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        if (codeOf(text) === 'ok') expect(isJson).toBe(true);
        if (codeOf(text) === 'invalid_json') expect(isJson).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    [lists(8), 'ok'],
    [lists(9), 'nesting_too_deep'],
    [objects(8), 'ok'],
    [objects(9), 'nesting_too_deep'],
    [lists(5_000), 'nesting_too_deep'],
    [lists(100_000), 'nesting_too_deep'],
    [objects(100_000), 'nesting_too_deep'],
    ['['.repeat(1_000_000), 'nesting_too_deep'],
    [`[${Array<string>(20).fill(lists(7)).join(',')}]`, 'ok'],
    [JSON.stringify(lists(100)), 'ok'],
  ])('measures the depth of %.20s…', (text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it.each([
    ['{"quantity":1,"quantity":9}', '"quantity"'],
    ['{"a":1,"\\u0061":1}', '"a"'],
    ['{"a":{"b":1,"c":2,"b":3}}', '"b"'],
    ['[{"a":1},{"a":1,"a":1}]', '"a"'],
    ['{"__proto__":1,"__proto__":2}', '"__proto__"'],
    ['{"":1,"":2}', '""'],
    ['{"a\\"":1,"a\\"" \n:2}', '"a\\""'],
    ['{"x":":","a":["{"],"a":1}', '"a"'],
  ])('refuses %s and names the key', (text, key) => {
    const parsed = parseStrictJson(text);
    expect(parsed).toMatchObject({ ok: false, code: 'duplicate_key' });
    expect(!parsed.ok && parsed.detail).toContain(key);
  });

  it('finds a key that was put in twice, wherever', () => {
    fc.assert(
      fc.property(fc.dictionary(key, tree, { minKeys: 1 }), fc.nat(), (value, pick) => {
        const keys = Object.keys(value);
        const again = keys[pick % keys.length]!;
        const text = `{${JSON.stringify(again)}:0,${JSON.stringify(value).slice(1)}`;
        expect(codeOf(`[${text}]`)).toBe('duplicate_key');
      }),
    );
  });

  it.each(['', ' ', '{', '{"a":1}}', '{"a" 1}', "{'a':1}", '[1,]', 'NaN', '\ufeff{}', '"a', '"\\'])(
    'refuses %j, which is not JSON',
    (text) => {
      expect(codeOf(text)).toBe('invalid_json');
    },
  );

  it('makes __proto__ a member like any other', () => {
    const parsed = parseStrictJson('{"__proto__":{"admin":true},"constructor":{"prototype":1}}');
    expect(parsed.ok && Object.keys(parsed.value as object)).toEqual(['__proto__', 'constructor']);
    expect(parsed.ok && (parsed.value as { admin?: boolean }).admin).toBeUndefined();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it.each([
    ['plain', 'x'],
    ['escaped', '\\\\'],
  ])('reads a %s text of 16 MiB beside a small number and a key twice', (_, unit) => {
    const long = JSON.stringify(unit)
      .slice(1, -1)
      .repeat((16 << 20) / 2);
    expect(codeOf(`{"a":"${long}","b":1e-9}`)).toBe('ok');
    expect(codeOf(`{"a":"${long}","b":1e-9,"b":2}`)).toBe('duplicate_key');
  });

  it('does not let a number vanish', () => {
    const parsed = parseStrictJson('[1e-400, -1.5E-999, 0e-9, 0.0e-400, 1e-5, "1e-400", 1e400]');
    expect(parsed.ok && parsed.value).toEqual([
      Infinity,
      -Infinity,
      0,
      0,
      0.00001,
      '1e-400',
      Infinity,
    ]);
  });
});

describe('UTF-8', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(text.isWellFormed() && !text.startsWith('\ufeff'));
        expect(decodeUtf8(new TextEncoder().encode(text))).toBe(text);
      }),
    );
  });

  it('is read from the middle of a larger buffer', () => {
    expect(decodeUtf8(Buffer.from('xxéyy').subarray(2, 4))).toBe('é');
  });

  it('loses one byte order mark at its start, and no other', () => {
    expect(decodeUtf8(Buffer.from('\ufeff\ufeffa\ufeff'))).toBe('\ufeffa\ufeff');
  });

  it.each([
    ['a byte alone', [0xff]],
    ['a cut sequence', [0x61, 0xe2, 0x82]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['more than U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('is not %s', (_, bytes) => {
    expect(decodeUtf8(Uint8Array.from(bytes))).toBeUndefined();
  });
});
