import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  PUSH_STATUSES,
  PUSH_WAYS,
  PUSHED_KINDS,
  SETTLED_BY,
} from '../../src/outbox/push-status.js';

const drawing = readFileSync(new URL('../../docs/push-states.md', import.meta.url), 'utf8');

/** `a to b`, in order, of each arrow of the drawing. */
const drawn = [...drawing.matchAll(/^ {2}(\[\*\]|\w+) --> (\w+):/gm)]
  .map(([, from, to]) => `${from === '[*]' ? 'none' : from} to ${to}`)
  .toSorted();

describe('the ways of a push', () => {
  it('are those that are drawn, and no other', () => {
    const ways = Object.entries(PUSH_WAYS).flatMap(([from, to]) =>
      to.map((each) => `${from} to ${each}`),
    );
    expect(ways.toSorted()).toEqual(drawn);
  });

  it('are told of every status', () => {
    expect(Object.keys(PUSH_WAYS)).toEqual(['none', ...PUSH_STATUSES]);
    expect(PUSH_STATUSES).toEqual([
      'pending',
      'sending',
      'unknown',
      'delivered',
      'confirmed',
      'disputed',
      'rejected',
      'shadow',
    ]);
  });
});

describe('what a push is called', () => {
  it('is a delta or a total, settled in one of four ways', () => {
    expect(PUSHED_KINDS).toEqual(['delta', 'total']);
    expect(SETTLED_BY).toEqual(['answer', 'reading', 'resolution', 'withdrawal']);
  });
});
