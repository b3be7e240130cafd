import {
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
  type Micros,
} from '../domain/instant.js';

/**
 * Stripe takes timestamps of the past 35 calendar days; a day is kept for the way.
 * Source: https://docs.stripe.com/api/billing/meter-event/create (timestamp)
 */
const AGE_MAX = 34 * MICROS_PER_DAY;
/** The end of each period that is kept for its close and what comes after it. */
export const RESERVED = 5 * MICROS_PER_MINUTE;

/** A billing period as a place for timestamps, at one time. */
export interface PushWindow {
  readonly start: Micros;
  readonly end: Micros;
  readonly closed: boolean;
  /** The tenant's now: no timestamp lies ahead of it. */
  readonly now: Micros;
}

/** The earliest timestamp that Stripe still takes. */
export function earliest(now: Micros): Micros {
  return now - AGE_MAX;
}

/** Whether no whole minute of the hour, as far as the period has it, can still be used. */
export function isHourTooOld(window: PushWindow, hour: Micros): boolean {
  return isTooOld(window, Math.min(hour + MICROS_PER_HOUR, window.end));
}

/** Whether no whole minute of the period can still be used. */
export function isPeriodTooOld(window: PushWindow): boolean {
  return isTooOld(window, window.end);
}

function isTooOld(window: PushWindow, end: Micros): boolean {
  return floorTo(end, MICROS_PER_MINUTE) - MICROS_PER_MINUTE < earliest(window.now);
}

/**
 * The timestamp of the next total of a lane: later than the one before by a second or more, since
 * Stripe takes the last one by timestamp; before the last five minutes of the period while it is
 * open, in them once it is closed.
 *
 * @param previous The latest timestamp of a total that went to the same place.
 * @returns `wait` where a later plan will find one, `none` where there is none left.
 */
export function totalTimestamp(
  window: PushWindow,
  previous: Micros | undefined,
): Micros | 'wait' | 'none' {
  const first = Math.max(window.start, earliest(window.now), (previous ?? 0) + MICROS_PER_SECOND);
  const from = ceilTo(first, MICROS_PER_SECOND);
  const now = floorTo(window.now, MICROS_PER_SECOND);
  if (!window.closed) {
    const latest = floorBefore(window.end - RESERVED);
    const at = Math.min(now, latest);
    return at >= from ? at : 'wait';
  }
  const at = Math.max(from, ceilTo(window.end - RESERVED, MICROS_PER_SECOND));
  return at <= Math.min(now, floorBefore(window.end)) ? at : 'none';
}

/** The last whole second before an instant. */
function floorBefore(instant: Micros): Micros {
  return ceilTo(instant, MICROS_PER_SECOND) - MICROS_PER_SECOND;
}

export function floorTo(instant: Micros, unit: Micros): Micros {
  return Math.floor(instant / unit) * unit;
}

export function ceilTo(instant: Micros, unit: Micros): Micros {
  return Math.ceil(instant / unit) * unit;
}
