import { isNegative } from '../domain/decimal.js';
import { MICROS_PER_MINUTE, parseInstant, type Micros } from '../domain/instant.js';
import type { UsageEvent } from '../domain/usage-event.js';
import type { FieldError } from '../problem/problem.js';
import { acceptUsageEvent } from './accept-usage-event.js';
import { usageEventErrors } from './usage-event-errors.js';
import { EARLIEST_OCCURRED_AT, MAX_MINUTES_AHEAD } from './usage-event-limits.js';

/** What the rules beyond the shape depend on. */
export interface CheckContext {
  /** Whether the API key has the scope `usage:adjust`. */
  readonly mayAdjust: boolean;
  /** Our clock. Left out where the recorder holds the time against the database's clock later. */
  readonly now?: Micros;
}

export type CheckedUsageEvent =
  | { readonly event: UsageEvent }
  /** At least one; the pointers are relative to the event. */
  | { readonly errors: readonly FieldError[] };

const EARLIEST_MICROS = parseInstant(EARLIEST_OCCURRED_AT)!;

/** Takes a parsed JSON value as a usage event, or says what is wrong with it. */
export function checkUsageEvent(raw: unknown, context: CheckContext): CheckedUsageEvent {
  const event = acceptUsageEvent(raw);
  const errors = event === undefined ? usageEventErrors(raw) : brokenRules(event, context);
  if (errors.length > 0) return { errors };
  if (event === undefined) throw new Error('class-validator accepts what the fast check refuses');
  return { event };
}

function brokenRules({ quantity, occurredAt }: UsageEvent, context: CheckContext): FieldError[] {
  const errors: FieldError[] = [];
  if (quantity !== undefined && isNegative(quantity) && !context.mayAdjust) {
    const detail = 'a negative quantity needs an API key with the scope usage:adjust';
    errors.push({ pointer: '/quantity', code: 'scope_required', detail });
  }
  if (occurredAt === undefined) return errors;
  const latest = (context.now ?? Infinity) + MAX_MINUTES_AHEAD * MICROS_PER_MINUTE;
  if (occurredAt > latest) {
    const detail = `occurred_at is more than ${MAX_MINUTES_AHEAD} minutes ahead of our clock`;
    errors.push({ pointer: '/occurred_at', code: 'occurred_at_in_future', detail });
  } else if (occurredAt < EARLIEST_MICROS) {
    const detail = `occurred_at is before ${EARLIEST_OCCURRED_AT}`;
    errors.push({ pointer: '/occurred_at', code: 'occurred_at_too_old', detail });
  }
  return errors;
}
