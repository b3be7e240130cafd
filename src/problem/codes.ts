import { APPROVAL_CODES } from './codes/approval-codes.js';
import { BILLING_CODES } from './codes/billing-codes.js';
import { FIELD_CODES } from './codes/field-codes.js';
import { REGISTER_CODES } from './codes/register-codes.js';
import { REQUEST_CODES } from './codes/request-codes.js';
import { STRIPE_CODES } from './codes/stripe-codes.js';
import { USAGE_EVENT_CODES } from './codes/usage-event-codes.js';

/**
 * Every code that an answer may carry, as the `code` of a problem document, of one of its `errors`,
 * or of a rejected event. They are public: a code is added, never renamed or given another meaning.
 * `docs/problems.md` is written from this list.
 */
export const PROBLEMS = {
  ...REQUEST_CODES,
  ...FIELD_CODES,
  ...USAGE_EVENT_CODES,
  ...REGISTER_CODES,
  ...BILLING_CODES,
  ...STRIPE_CODES,
  ...APPROVAL_CODES,
};

export type ProblemCode = keyof typeof PROBLEMS;
