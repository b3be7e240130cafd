/** Servers that are wrong on purpose, each in a way that was thought right by somebody. */
export const VARIANTS = [
  'polling-sequence',
  'unsorted-batches',
  'answer-before-commit',
  'asynchronous-commit',
  'fail-open',
] as const;

export type VariantName = (typeof VARIANTS)[number];
