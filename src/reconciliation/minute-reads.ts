import { difference } from '../domain/decimal-arithmetic.js';
import { MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { isRepresentable } from '../domain/split-decimal.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import type { ReadPurpose } from '../stripe/stripe-reads.js';
import type { HourSummary, StripeSummaries } from '../stripe/stripe-summaries.js';
import type { Place } from './lane.store.js';

/** Usage in one minute. */
export interface MinuteUsage {
  readonly minute: Micros;
  readonly value: string;
}

/** What Stripe counted at one place, by the timestamps of events. */
export class MinuteReads {
  constructor(
    private readonly summaries: StripeSummaries,
    private readonly account: StripeAccount,
    private readonly place: Place,
    private readonly purpose: ReadPurpose,
  ) {}

  /** From whole UTC hour to whole UTC hour; hours without usage are left out. */
  async hours(start: Micros, end: Micros): Promise<Map<Micros, string>> {
    if (start >= end) return new Map();
    const hours: HourSummary[] = await this.summaries.byHour(
      this.account,
      { ...this.place, start, end },
      this.purpose,
    );
    return new Map(hours.map(({ hour, value }) => [hour, value]));
  }

  /** From whole minute to whole minute. */
  async total(start: Micros, end: Micros): Promise<string> {
    if (start >= end) return '0';
    return this.summaries.total(this.account, { ...this.place, start, end }, this.purpose);
  }

  minute(minute: Micros): Promise<string> {
    return this.total(minute, minute + MICROS_PER_MINUTE);
  }

  /**
   * Finds the minutes of a stretch that hold usage, by halves: a stretch that comes to 0 is not
   * looked into, so usage that cancels itself out is not found.
   *
   * @param known What the stretch comes to, where that has been read.
   */
  async usage(start: Micros, end: Micros, known?: string): Promise<MinuteUsage[]> {
    const value = known ?? (await this.total(start, end));
    if (start >= end || value === '0') return [];
    if (end - start <= MICROS_PER_MINUTE) return [{ minute: start, value }];
    const minutes = (end - start) / MICROS_PER_MINUTE;
    const middle = start + Math.floor(minutes / 2) * MICROS_PER_MINUTE;
    const left = await this.total(start, middle);
    const isExact = isRepresentable(value) && isRepresentable(left);
    const right = isExact ? difference(value, left) : undefined;
    const before = await this.usage(start, middle, left);
    return [...before, ...(await this.usage(middle, end, right))];
  }
}
