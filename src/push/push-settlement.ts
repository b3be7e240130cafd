import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { SendOutcome } from '../stripe/push-target.js';

/** What of a push's row decides where an outcome leads. */
export interface Attempted {
  readonly fromStatus: 'pending' | 'unknown';
  readonly reason: string | null;
  readonly keyNo: number;
  /** With this one. */
  readonly attempts: number;
  /** Before this one. */
  readonly unknownAttempts: number;
  readonly lastError: string | null;
}

/** Where a push stands after an attempt. */
export interface Settlement {
  readonly status: 'pending' | 'unknown' | 'delivered' | 'rejected';
  readonly reason: string | null;
  readonly keyNo: number;
  readonly unknownAttempts: number;
  readonly lastError: string | null;
  /** From now, in microseconds; null where it is not sent again by itself. */
  readonly retryAfter: Micros | null;
  /** Stripe's code, where the refusal parks the lane. */
  readonly parkedCode: string | null;
}

const FIRST_DELAY_S = 1;
const DELAY_MAX_S = 300;
/** How long an account that refused its key is left alone. */
export const ACCOUNT_PAUSE_S = 60;

const PLAIN_500 = '500 ';

/**
 * What an outcome makes of a push. A row of which no attempt was unknown may be rejected or marked
 * as foreign; once one was unknown, only an answer about that very push settles it.
 *
 * @param random From 0 to 1: spreads the attempts of many rows.
 */
export function settle(row: Attempted, outcome: SendOutcome, random: number): Settlement {
  const { keyNo, unknownAttempts } = row;
  const wasUnknown = unknownAttempts > 0;
  const retryAfter = backOff(row.attempts, random);
  const unknown = { status: 'unknown', keyNo, unknownAttempts, parkedCode: null } as const;
  const { fromStatus: status, reason } = row;
  const same = { status, reason, keyNo, unknownAttempts, parkedCode: null };
  const delivered = { status: 'delivered', reason: null, retryAfter: null } as const;
  switch (outcome.kind) {
    case 'delivered':
      return { ...same, ...delivered, lastError: null };
    case 'identifier_taken': {
      const { message: lastError } = outcome;
      if (wasUnknown) return { ...same, ...delivered, lastError };
      return { ...unknown, reason: 'identifier_taken', lastError, retryAfter: null };
    }
    case 'idempotency_mismatch': {
      const { kind, message: lastError } = outcome;
      return { ...unknown, reason: kind, keyNo: keyNo + 1, lastError, retryAfter };
    }
    case 'stored_500': {
      const told = { reason: 'stored_500', lastError: outcome.message, retryAfter };
      return { ...unknown, ...told, keyNo: keyNo + 1, unknownAttempts: unknownAttempts + 1 };
    }
    case 'try_later':
      return { ...same, lastError: outcome.why, retryAfter };
    case 'account_refused': {
      const pause = ACCOUNT_PAUSE_S * MICROS_PER_SECOND;
      const told = { reason: 'account_refused', lastError: outcome.message };
      return { ...same, ...told, retryAfter: pause };
    }
    case 'refused': {
      const { code, message: lastError } = outcome;
      if (wasUnknown) return { ...unknown, reason: code, lastError, retryAfter: null };
      return {
        ...same,
        status: 'rejected',
        reason: code,
        lastError,
        retryAfter: null,
        parkedCode: code,
      };
    }
    case 'unknown': {
      // A second 500 in a row under one key is the first one again, whether it says so or not.
      const repeats = isPlain500(outcome.why) && isPlain500(row.lastError ?? '');
      const told = { reason: 'no_answer', lastError: outcome.why, retryAfter };
      const counted = { keyNo: keyNo + (repeats ? 1 : 0), unknownAttempts: unknownAttempts + 1 };
      return { ...unknown, ...told, ...counted };
    }
  }
}

/** The `Idempotency-Key` of an attempt: another one only where Stripe holds a useless answer. */
export function idempotencyKey(identifier: string, keyNo: number): string {
  return keyNo === 0 ? identifier : `${identifier}:${keyNo}`;
}

/** Doubles from one second up to five minutes, less up to half of it by chance. */
function backOff(attempts: number, random: number): Micros {
  const seconds = Math.min(FIRST_DELAY_S * 2 ** (attempts - 1), DELAY_MAX_S);
  return Math.round(seconds * (1 - random / 2) * MICROS_PER_SECOND);
}

function isPlain500(why: string): boolean {
  return why.startsWith(PLAIN_500);
}
