import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryDigest, statementDigest } from '../../src/domain/entry-digest.js';

const KEY = '018f3f5c-7a1b-7c3d-9e4f-0123456789ab';
/** 2026-11-01T00:00:00Z */
const NOVEMBER = 1_793_491_200_000_000;

/** Hashes made by another language's library of the texts that the definitions name. */
describe('the digest of an entry', () => {
  it.each([
    [
      'counted',
      NOVEMBER,
      '12.5',
      false,
      '841caa2b9a7b87cd54e8359cfe1edbc1140d306f40ad51791184d28bb6d29a05',
    ],
    [
      'void',
      NOVEMBER,
      '12.5',
      true,
      '3e4066f6a80fa4f5857a1b69c14c8e0a4b5d483d2039a105a166dec5cde14b86',
    ],
    [
      'below zero, of a period that starts off the second',
      NOVEMBER - 1,
      '-3',
      false,
      '8eb3a2cebcefe6af809ee7dbf3d6c010611512589402f42fe26dd6098b79bfbf',
    ],
  ])('is kept for one %s', (_, start, quantity, isVoid, hex) => {
    expect(entryDigest(KEY, 'tokens', start, quantity, isVoid)).toBe(BigInt(`0x${hex}`));
  });
});

describe('the digest of a statement', () => {
  it.each([
    ['no entries', 0, 0n, '8e147ba0f2afe0a8b672d20efb51c71770c7aa8db0c9598d918aba5b731384e4'],
    ['one entry', 1, 42n, '659b0e2bea98b41e6e289d2d00aa9e3652c1d753b16650b490b3a887f9c34fe9'],
    [
      'the largest sum',
      3,
      (1n << 256n) - 1n,
      '322365c5f8c521bbced14821f222919ccd106feec3b7dca60e37d08ef9895775',
    ],
    [
      'a sum that comes round to nothing',
      2,
      1n << 256n,
      '0329b2ebcb776c96c90bab2dc441045b58850bda9f4d5279b59d22e8c07fb294',
    ],
    [
      'a sum that comes round to one',
      2,
      (1n << 256n) + 1n,
      'e33059057e0c1864dc976cd993e0ee7134005db0827b71cc58de323c6df30508',
    ],
  ])('is kept for %s', (_, count, sum, hex) => {
    expect(statementDigest(count, sum).toString('hex')).toBe(hex);
  });

  it('is the same whichever entry was added first', () => {
    const digest = fc.bigInt(0n, (1n << 256n) - 1n);
    fc.assert(
      fc.property(fc.array(digest, { maxLength: 20 }), (digests) => {
        const reduced = digests.reduceRight((sum, each) => (sum + each) % (1n << 256n), 0n);
        const sum = digests.reduce((total, each) => total + each, 0n);
        expect(statementDigest(digests.length, sum)).toEqual(
          statementDigest(digests.length, reduced),
        );
      }),
    );
  });
});
