import type { Micros } from '../domain/instant.js';
import type { PushStatus } from '../outbox/push-status.js';

/** Why a push is read back. */
export type ReadingCause =
  /** No answer tells whether it was counted, and it must not be sent again. */
  | 'unknown'
  /** Stripe named it in an error report. */
  | 'disputed'
  /** Stripe reported errors of its meter at its time, by samples. */
  | 'reported'
  /** Its hour does not come to what it should. */
  | 'drift';

/** A push alone in its minute, and what was read of that minute so far. */
export interface Reading {
  readonly cause: ReadingCause;
  readonly status: PushStatus;
  readonly kind: 'delta' | 'total';
  /** What the push carries. Canonical decimal. */
  readonly pushed: string;
  /** What the read before this one said; null where there was none. */
  readonly before: string | null;
  /** Since when all reads said that. */
  readonly agreedSince: Micros | null;
  /** A total that a later one stands above. */
  readonly isOutdated: boolean;
  /** A total in whose minute a later one may show in its place. */
  readonly isHidden: boolean;
}

export interface ReadRules {
  /** How long reads must agree that nothing is there. */
  readonly stableFor: Micros;
  /** Whether a push to the same Stripe meter, made after this one's last attempt, shows by now. */
  readonly laterPushShows: boolean;
  readonly now: Micros;
}

export type Verdict =
  | 'counted'
  | 'not_counted'
  /** What is in its minute is neither nothing nor this push. */
  | 'foreign'
  /** To be read again. */
  | 'open';

/** Since when reads agree, with this one. */
export function agreedSince(
  { before, agreedSince: since }: Reading,
  value: string,
  now: Micros,
): Micros {
  return before === value && since !== null ? since : now;
}

/**
 * What a read of a push's own minute tells. Its value there proves it; nothing there proves nothing
 * by itself, as summaries lag: only reads that agree for long, while a later push shows already.
 *
 * A total of 0 shows as nothing does, so it is read together with all that stood before it. One that
 * a later total hides cannot be told at all: once that one stands, what Stripe reported of it holds.
 */
export function judge(reading: Reading, value: string, rules: ReadRules): Verdict {
  if (reading.isHidden) {
    return reading.isOutdated && reading.status === 'disputed' ? 'not_counted' : 'open';
  }
  if (value === reading.pushed && value !== '0') return 'counted';
  // Beside a total, its minute may show the one before it.
  if (value !== '0' && reading.kind === 'delta') return 'foreign';
  const agreedFor = rules.now - agreedSince(reading, value, rules.now);
  if (agreedFor < rules.stableFor || !rules.laterPushShows) return 'open';
  return value === reading.pushed ? 'counted' : 'not_counted';
}

const SECOND = 1_000_000;
const PAUSE_MIN = SECOND;
const PAUSE_MAX = 6 * 3_600 * SECOND;
/** So that what has to agree is read more than twice meanwhile. */
const READS_WHILE_STABLE = 3;

/** When to read again: evenly while the reads have to agree, then ever more seldom. */
export function pauseBeforeNext(stableFor: Micros, agreedFor: Micros): Micros {
  const even = Math.max(PAUSE_MIN, Math.ceil(stableFor / READS_WHILE_STABLE));
  if (agreedFor < stableFor) return even;
  return Math.min(PAUSE_MAX, Math.max(even, Math.ceil(agreedFor / READS_WHILE_STABLE)));
}
