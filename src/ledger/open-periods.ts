import type { Micros } from '../domain/instant.js';
import { isClosed, type KnownPeriod, type Marks } from '../domain/place-usage.js';

/** More than a customer and meter have open at a time. */
const PERIODS_MAX = 4;

/**
 * Periods of one customer that had a row when they were read. Only what changes the version of the
 * gate moves or removes such a row, so it need not be read again under that version; the count of its
 * amendments may have grown since, which concerns closed periods alone.
 */
export class OpenPeriods {
  private readonly byMeter = new Map<number, KnownPeriod[]>();

  /** The open period that holds the instant, where it is known. */
  at(meterNo: number, at: Micros, marks: Marks): KnownPeriod | undefined {
    const period = this.byMeter.get(meterNo)?.find(({ start, end }) => start <= at && at < end);
    return period === undefined || isClosed(period, marks) ? undefined : period;
  }

  /** To be called once the transaction that read it has committed. */
  remember(meterNo: number, period: KnownPeriod): void {
    const known = this.byMeter.get(meterNo) ?? [];
    if (known.some(({ start }) => start === period.start)) return;
    if (known.length === PERIODS_MAX) known.shift();
    known.push(period);
    this.byMeter.set(meterNo, known);
  }
}
