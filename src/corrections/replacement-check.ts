import type { UsageEvent } from '../domain/usage-event.js';
import type { FieldError } from '../problem/problem.js';

/**
 * Takes a parsed JSON value as the usage event that is recorded in place of a voided one, by the
 * rules for every usage event. Whoever puts the stages together provides it.
 */
export abstract class ReplacementCheck {
  abstract check(
    raw: unknown,
    mayAdjust: boolean,
  ): { readonly event: UsageEvent } | { readonly errors: readonly FieldError[] };
}
