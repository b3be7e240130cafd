import type { CodeEntry } from './code-entry.js';

/** Codes of one field of a body. */
export const FIELD_CODES = {
  invalid: {
    status: 422,
    title: 'The value breaks a rule',
    remedy: 'See `detail`.',
  },
  required: {
    status: 422,
    title: 'The field is missing',
    remedy: 'Send the field.',
  },
  invalid_type: {
    status: 422,
    title: 'The value is of another JSON type',
    remedy: 'Send the type that `detail` names; values are not converted.',
  },
  too_short: {
    status: 422,
    title: 'The text is empty',
    remedy: 'Send at least one character.',
  },
  too_long: {
    status: 422,
    title: 'The text or list is too long',
    remedy: 'Keep to the length that `detail` names.',
  },
  unknown_field: {
    status: 422,
    title: 'The field is not known',
    remedy: 'Check its spelling; data of your own belongs into `properties`.',
  },
  invalid_text: {
    status: 422,
    title: 'The text has a character that cannot be kept',
    remedy:
      'Take out NUL and lone surrogates (half of a pair); often a text was cut in the middle.',
  },
} as const satisfies Record<string, CodeEntry>;
