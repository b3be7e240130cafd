import { MICROS_PER_HOUR, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { ceilTo, earliest, floorTo, RESERVED, type PushWindow } from './push-window.js';

/**
 * The minutes of a period that deltas can have for themselves. A delta alone in its minute can be
 * read back alone.
 */
export class FreeMinutes {
  private readonly first: Micros;
  private readonly last: Micros;
  /** From here on minutes are kept for the close. */
  private readonly reservedFrom: Micros;

  /** @param used Minutes that other pushes to the same Stripe customer and event name have. */
  constructor(
    private readonly window: PushWindow,
    private readonly used: Set<Micros>,
  ) {
    const { start, end, now } = window;
    this.first = ceilTo(Math.max(start, earliest(now)), MICROS_PER_MINUTE);
    this.last = Math.min(
      floorTo(end, MICROS_PER_MINUTE) - MICROS_PER_MINUTE,
      floorTo(now, MICROS_PER_MINUTE),
    );
    this.reservedFrom = window.closed ? Infinity : end - RESERVED;
  }

  /**
   * Takes the lowest free minute of an hour; of a full one, or one without a whole minute, the
   * nearest later minute of the period, then the nearest earlier one.
   *
   * @returns `wait` where the hour of an open period will have a minute later on, `none` where the
   *   period has none left.
   */
  take(hour: Micros): Micros | 'wait' | 'none' {
    const hourEnd = hour + MICROS_PER_HOUR;
    const inHour = this.lowest(hour, hourEnd - MICROS_PER_MINUTE, false);
    if (inHour !== undefined) return this.use(inHour);
    if (this.hasMinutesAhead(hour, hourEnd)) return 'wait';
    for (const reserved of [false, true]) {
      const minute =
        this.lowest(hour, this.last, reserved) ?? this.highest(this.first, hour, reserved);
      if (minute !== undefined) return this.use(minute);
    }
    return 'none';
  }

  /** Whether the hour has whole minutes that are not over the period's end, but ahead of now. */
  private hasMinutesAhead(hour: Micros, hourEnd: Micros): boolean {
    const { start, end, now, closed } = this.window;
    const latest = Math.min(hourEnd, this.reservedFrom, end) - MICROS_PER_MINUTE;
    const lastOfHour = floorTo(latest, MICROS_PER_MINUTE);
    return !closed && lastOfHour > now && lastOfHour >= Math.max(hour, start);
  }

  private lowest(from: Micros, to: Micros, reserved: boolean): Micros | undefined {
    const end = Math.min(to, this.last);
    for (let at = Math.max(from, this.first); at <= end; at += MICROS_PER_MINUTE) {
      if (this.isFree(at, reserved)) return at;
    }
    return undefined;
  }

  private highest(from: Micros, before: Micros, reserved: boolean): Micros | undefined {
    const start = Math.min(before - MICROS_PER_MINUTE, this.last);
    for (let at = start; at >= from; at -= MICROS_PER_MINUTE) {
      if (this.isFree(at, reserved)) return at;
    }
    return undefined;
  }

  private isFree(minute: Micros, reserved: boolean): boolean {
    const isKept = minute + MICROS_PER_MINUTE > this.reservedFrom;
    return (reserved || !isKept) && !this.used.has(minute);
  }

  private use(minute: Micros): Micros {
    this.used.add(minute);
    return minute;
  }
}
