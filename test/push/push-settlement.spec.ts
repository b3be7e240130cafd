import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  idempotencyKey,
  settle,
  type Attempted,
  type Settlement,
} from '../../src/push/push-settlement.js';
import type { SendOutcome } from '../../src/stripe/push-target.js';
import { FIRST_ATTEMPT } from './first-attempt.js';

const first = FIRST_ATTEMPT;
const again: Attempted = {
  fromStatus: 'unknown',
  reason: 'no_answer',
  keyNo: 2,
  attempts: 4,
  unknownAttempts: 2,
  lastError: 'timeout',
};

const DELIVERED: SendOutcome = { kind: 'delivered' };
const TAKEN: SendOutcome = { kind: 'identifier_taken', message: 'taken' };
const MISMATCH: SendOutcome = { kind: 'idempotency_mismatch', message: 'mismatch' };
const STORED: SendOutcome = { kind: 'stored_500', message: 'sorry' };
const LATER: SendOutcome = { kind: 'try_later', why: '429', tooFast: true };
const ACCOUNT: SendOutcome = { kind: 'account_refused', message: 'key' };
const REFUSED: SendOutcome = { kind: 'refused', code: 'resource_missing', message: 'No such' };
const UNKNOWN: SendOutcome = { kind: 'unknown', why: 'timeout' };
const PLAIN_500: SendOutcome = { kind: 'unknown', why: '500 sorry' };

function settled(
  status: Settlement['status'],
  reason: string | null,
  keyNo: number,
  unknownAttempts: number,
  lastError: string | null,
  seconds: number | null,
): Settlement {
  const retryAfter = seconds === null ? null : seconds * 1_000_000;
  return { status, reason, keyNo, unknownAttempts, lastError, retryAfter, parkedCode: null };
}

describe('settling an attempt', () => {
  it.each<[string, Attempted, SendOutcome, Partial<Settlement>]>([
    ['2xx', first, DELIVERED, { status: 'delivered', retryAfter: null }],
    ['2xx', again, DELIVERED, { status: 'delivered', reason: null }],
    [
      'identifier taken',
      first,
      TAKEN,
      { status: 'unknown', reason: 'identifier_taken', retryAfter: null, unknownAttempts: 0 },
    ],
    ['identifier taken', again, TAKEN, { status: 'delivered', retryAfter: null }],
    ['key mismatch', first, MISMATCH, { status: 'unknown', keyNo: 1, unknownAttempts: 0 }],
    ['key mismatch', again, MISMATCH, { status: 'unknown', keyNo: 3, unknownAttempts: 2 }],
    ['stored 500', first, STORED, { status: 'unknown', keyNo: 1, unknownAttempts: 1 }],
    ['stored 500', again, STORED, { status: 'unknown', keyNo: 3, unknownAttempts: 3 }],
    ['429, 409, 503', first, LATER, { status: 'pending', keyNo: 0, unknownAttempts: 0 }],
    ['429, 409, 503', again, LATER, { status: 'unknown', keyNo: 2, reason: 'no_answer' }],
    ['401, 403', first, ACCOUNT, { status: 'pending', reason: 'account_refused' }],
    ['401, 403', again, ACCOUNT, { status: 'unknown', reason: 'account_refused' }],
    [
      'other 4xx',
      first,
      REFUSED,
      { status: 'rejected', reason: 'resource_missing', parkedCode: 'resource_missing' },
    ],
    ['other 4xx', again, REFUSED, { status: 'unknown', retryAfter: null, parkedCode: null }],
    ['no answer', first, UNKNOWN, { status: 'unknown', keyNo: 0, unknownAttempts: 1 }],
    ['no answer', again, UNKNOWN, { status: 'unknown', keyNo: 2, unknownAttempts: 3 }],
    ['500', first, PLAIN_500, { status: 'unknown', keyNo: 0, unknownAttempts: 1 }],
    ['500 after a 500', { ...again, lastError: '500 sorry' }, PLAIN_500, { keyNo: 3 }],
  ])('%s', (_, row, outcome, expected) => {
    expect(settle(row, outcome, 0)).toMatchObject(expected);
  });

  it('never rejects a push of which an attempt was unknown', () => {
    const outcome = fc.constantFrom(
      DELIVERED,
      TAKEN,
      MISMATCH,
      STORED,
      LATER,
      ACCOUNT,
      REFUSED,
      UNKNOWN,
      PLAIN_500,
    );
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(outcome, random), { maxLength: 20 }), (answers) => {
        let row = first;
        for (const [answer, chance] of answers) {
          const next = settle(row, answer, chance);
          if (row.unknownAttempts > 0) expect(next.status).not.toBe('rejected');
          expect(next.keyNo).toBeGreaterThanOrEqual(row.keyNo);
          expect(next.unknownAttempts).toBeGreaterThanOrEqual(row.unknownAttempts);
          if (next.status !== 'pending' && next.status !== 'unknown') return;
          if (next.retryAfter === null) return;
          row = { ...row, ...next, fromStatus: next.status, attempts: row.attempts + 1 };
        }
      }),
    );
  });

  // Seconds until it is sent again: 1 after a first attempt, 8 after a fourth.
  it.each<[string, Attempted, SendOutcome, Settlement]>([
    ['2xx', again, DELIVERED, settled('delivered', null, 2, 2, null, null)],
    ['identifier taken', first, TAKEN, settled('unknown', 'identifier_taken', 0, 0, 'taken', null)],
    ['identifier taken', again, TAKEN, settled('delivered', null, 2, 2, 'taken', null)],
    [
      'key mismatch',
      again,
      MISMATCH,
      settled('unknown', 'idempotency_mismatch', 3, 2, 'mismatch', 8),
    ],
    ['stored 500', again, STORED, settled('unknown', 'stored_500', 3, 3, 'sorry', 8)],
    ['429, 409, 503', first, LATER, settled('pending', null, 0, 0, '429', 1)],
    ['429, 409, 503', again, LATER, settled('unknown', 'no_answer', 2, 2, '429', 8)],
    ['401, 403', again, ACCOUNT, settled('unknown', 'account_refused', 2, 2, 'key', 60)],
    [
      'other 4xx',
      first,
      REFUSED,
      {
        ...settled('rejected', 'resource_missing', 0, 0, 'No such', null),
        parkedCode: 'resource_missing',
      },
    ],
    ['other 4xx', again, REFUSED, settled('unknown', 'resource_missing', 2, 2, 'No such', null)],
    ['no answer', first, UNKNOWN, settled('unknown', 'no_answer', 0, 1, 'timeout', 1)],
    ['500', again, PLAIN_500, settled('unknown', 'no_answer', 2, 3, '500 sorry', 8)],
    [
      'no answer after a 500',
      { ...again, lastError: '500 sorry' },
      UNKNOWN,
      settled('unknown', 'no_answer', 2, 3, 'timeout', 8),
    ],
  ])('%s leaves nothing open', (_, row, outcome, expected) => {
    expect(settle(row, outcome, 0)).toEqual(expected);
  });

  it('waits from half a second up to five minutes', () => {
    const after = (attempts: number, random: number): number =>
      settle({ ...first, attempts }, LATER, random).retryAfter! / 1_000_000;
    expect([after(1, 0), after(1, 1)]).toEqual([1, 0.5]);
    expect([after(9, 0), after(10, 0), after(10, 1), after(1_000, 0)]).toEqual([
      256, 300, 150, 300,
    ]);
  });

  it('names its key after the identifier and the number', () => {
    expect(idempotencyKey('co1_a', 0)).toBe('co1_a');
    expect(idempotencyKey('co1_a', 3)).toBe('co1_a:3');
  });
});
