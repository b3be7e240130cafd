import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWellFormedKey, makeKey } from '../../src/access/key-text.js';

const CHARACTERS = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'];

describe('the text of an API key', () => {
  it('is co_, 10 characters of id, 32 of secret and 6 of checksum', () => {
    const { keyId, text } = makeKey();

    expect(text).toMatch(/^co_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}$/);
    expect(text.slice(3, 13)).toBe(keyId);
    expect(isWellFormedKey(text)).toBe(true);
  });

  it('does not come twice', () => {
    const texts = Array.from({ length: 1_000 }, () => makeKey().text);

    expect(new Set(texts).size).toBe(1_000);
  });

  it('shows any one wrong character', () => {
    const { text } = makeKey();
    const typo = fc
      .tuple(fc.integer({ min: 3, max: text.length - 1 }), fc.constantFrom(...CHARACTERS))
      .filter(([at, character]) => text[at] !== character)
      .map(([at, character]) => text.slice(0, at) + character + text.slice(at + 1));

    fc.assert(fc.property(typo, (misspelt) => !isWellFormedKey(misspelt)));
  });

  it('shows a missing and a surplus character', () => {
    const { text } = makeKey();

    expect(isWellFormedKey(text.slice(0, -1))).toBe(false);
    expect(isWellFormedKey(`${text}0`)).toBe(false);
  });
});
