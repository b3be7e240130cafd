import Stripe from 'stripe';
import type { SendOutcome } from './push-target.js';

/**
 * Reported by many clients, documented by v2 as `duplicate_meter_event` only: v1 answers 400
 * without a code.
 */
const IDENTIFIER_TAKEN = /^An event already exists with identifier/;
/** No code here either; wording as reported. */
const NO_ACTIVE_METER = /no active meter/i;

const MESSAGE_LENGTH_MAX = 500;

/** Reads the answer to a push that is not a success. */
export function outcomeOfError(error: unknown): SendOutcome {
  if (!(error instanceof Stripe.errors.StripeError)) {
    return { kind: 'unknown', why: shortened(error instanceof Error ? error.message : 'error') };
  }
  const { statusCode, code, rawType } = error;
  const message = shortened(error.message);
  // No status: no answer, or one that broke off or is no JSON.
  if (statusCode === undefined) return { kind: 'unknown', why: message };
  if (statusCode === 429 || code === 'rate_limit') {
    const tooFast = !isAboutOneObject(error);
    return { kind: 'try_later', why: `${statusCode} ${message}`, tooFast };
  }
  if (statusCode === 409 || statusCode === 503) {
    const down = statusCode === 503 ? ({ isDown: true } as const) : {};
    return { kind: 'try_later', why: `${statusCode} ${message}`, tooFast: false, ...down };
  }
  if (statusCode === 401 || statusCode === 403) return { kind: 'account_refused', message };
  if (rawType === 'idempotency_error' || code === 'idempotency_error') {
    return { kind: 'idempotency_mismatch', message };
  }
  if (IDENTIFIER_TAKEN.test(error.message) || code === 'duplicate_meter_event') {
    return { kind: 'identifier_taken', message };
  }
  if (statusCode === 500 && error.headers?.['idempotent-replayed'] === 'true') {
    return { kind: 'stored_500', message };
  }
  if (statusCode >= 400 && statusCode < 500) {
    return { kind: 'refused', code: codeOf(error), message };
  }
  return { kind: 'unknown', why: `${statusCode} ${message}` };
}

/**
 * Another call about the same object was on its way: fewer calls about others would not help.
 * Source: https://docs.stripe.com/rate-limits#object-lock-timeouts
 */
function isAboutOneObject({ code, headers }: Stripe.errors.StripeError): boolean {
  return code === 'lock_timeout' || headers?.['stripe-rate-limited-reason'] === 'resource-specific';
}

/** Stripe's code, or a name for the refusals that carry none. */
function codeOf(error: Stripe.errors.StripeError): string {
  if (error.code !== undefined) return error.code;
  return NO_ACTIVE_METER.test(error.message) ? 'no_active_meter' : (error.rawType ?? 'refused');
}

function shortened(message: string): string {
  return message.slice(0, MESSAGE_LENGTH_MAX);
}
