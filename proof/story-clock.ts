const DAY_MS = 86_400_000;
const NOON_MS = DAY_MS / 2;

/** A day of the first tenant's clock, which is set to its noon. */
export interface StoryDay {
  /** 0 for the first. */
  readonly number: number;
  readonly noonMs: number;
}

/** The days that pass for the first tenant and its Stripe while the proof runs. */
export class StoryClock {
  /** Yesterday's noon: the second tenant's clock is the real one, and takes nothing of the future. */
  private readonly startMs = (Math.floor(Date.now() / DAY_MS) - 1) * DAY_MS + NOON_MS;
  /** The day that both clocks were set to: what is sent lies before its noon. */
  today = this.dayOf(0);

  dayOf(number: number): StoryDay {
    return { number, noonMs: this.startMs + number * DAY_MS };
  }
}

export function noonOf({ noonMs }: StoryDay): Date {
  return new Date(noonMs);
}
