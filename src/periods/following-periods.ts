import {
  periodSourcesOf,
  type CustomerMeter,
  type PeriodSources,
} from '../customers/billing-source.store.js';
import { timelinesOf } from '../customers/customer-timelines.js';
import type { Queryable } from '../database/connections.js';
import { periodInTimeline, type ScheduleTimeline } from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import { periodOfSource, type SourcedPeriod } from '../domain/period-source.js';

/** Which periods follow those of some customers, by the schedules and sources as they are now. */
export class FollowingPeriods {
  private constructor(
    private readonly timelines: ReadonlyMap<number, ScheduleTimeline>,
    private readonly sources: PeriodSources,
  ) {}

  static async of(
    db: Queryable,
    tenantId: string,
    customers: readonly { readonly customerNo: number }[],
  ): Promise<FollowingPeriods> {
    const customerNos = [...new Set(customers.map(({ customerNo }) => customerNo))];
    return new FollowingPeriods(
      await timelinesOf(db, tenantId, customerNos),
      await periodSourcesOf(db, tenantId, customerNos),
    );
  }

  /** The period that begins where another one ends. */
  after({ customerNo, meterNo }: CustomerMeter, end: Micros): SourcedPeriod {
    const source = this.sources.get(customerNo)?.get(meterNo);
    const { end: nextEnd, ofItem } =
      source === undefined
        ? { ...periodInTimeline(this.timelines.get(customerNo)!, end), ofItem: false }
        : periodOfSource(source, end);
    return { start: end, end: nextEnd, ofItem };
  }
}
