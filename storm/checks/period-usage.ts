import { isSamePeriod, type EntryRow, type PeriodRow } from './books.js';
import { total, unitsOf } from './exact.js';

const HOUR = 3_600_000_000;
const UNIT = 10n ** 12n;

/** What a period holds by its ledger entries alone. */
export class PeriodUsage {
  private readonly entries: readonly (EntryRow & { readonly hour: number })[];

  constructor(
    private readonly period: PeriodRow,
    entries: readonly EntryRow[],
  ) {
    const first = floorHour(period.periodStart);
    const last = floorHour(period.periodEnd - 1);
    const { pushFrom, periodStart } = period;
    this.entries = entries
      .filter((entry) => isSamePeriod(entry, period))
      .map((entry) => {
        const hour = Math.min(Math.max(floorHour(entry.occurredAt), first), last);
        return { ...entry, hour };
      })
      .filter(({ hour }) => pushFrom === null || Math.max(hour, periodStart) >= pushFrom);
  }

  get hours(): number[] {
    return [...new Set(this.entries.map(({ hour }) => hour))];
  }

  /** Of a meter whose parts add up. */
  hour(hour: number): bigint {
    return this.sumOf(this.entries.filter((entry) => entry.hour === hour));
  }

  whole(): bigint {
    const { aggregation, carriedLast, pushFrom, periodStart } = this.period;
    const quantities = this.entries.map(({ quantity }) => unitsOf(quantity));
    switch (aggregation) {
      case 'sum':
      case 'count':
        return this.sumOf(this.entries);
      case 'max':
        return quantities.reduce((max, one) => (one > max ? one : max), quantities[0] ?? 0n);
      case 'unique_count':
        return BigInt(new Set(this.entries.map(({ uniqueKey }) => uniqueKey)).size) * UNIT;
      case 'last': {
        const [last] = [...this.entries].sort(
          (a, b) => b.occurredAt - a.occurredAt || (a.eventKey < b.eventKey ? 1 : -1),
        );
        if (last !== undefined) return unitsOf(last.quantity);
        const isCut = pushFrom !== null && pushFrom > periodStart;
        return carriedLast === null || isCut ? 0n : unitsOf(carriedLast);
      }
    }
  }

  private sumOf(entries: readonly EntryRow[]): bigint {
    if (this.period.aggregation === 'count') return BigInt(entries.length) * UNIT;
    return total(entries.map(({ quantity }) => unitsOf(quantity)));
  }
}

function floorHour(instant: number): number {
  return Math.floor(instant / HOUR) * HOUR;
}
