import { createHmac } from 'node:crypto';
import { DEFAULT_TIMELINE } from '../customers/schedule-timeline.js';
import type { Transaction } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { periodInTimeline } from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import { periodOfSource, type SourcedPeriod } from '../domain/period-source.js';
import { placeUsage, type KnownPeriod, type Marks } from '../domain/place-usage.js';
import type { Counted, Fault } from '../domain/usage-match.js';
import type { Candidate } from './candidate.js';
import type { Entry } from './entry.store.js';
import { PeriodBook } from './period-book.js';
import type { NewPeriod } from './period.store.js';
import { lateUsageRefused } from './recording-faults.js';
import type { KnownCustomer, TenantCatalog } from './tenant-catalog.js';

/** A candidate that may be recorded if its id is free. */
export interface Plan {
  readonly candidate: Candidate;
  readonly counted: readonly Counted[];
  readonly customer: KnownCustomer | undefined;
}

/** A plan with each of its entries in its place. */
export interface Placed {
  readonly plan: Plan;
  readonly occurredAt: Micros;
  readonly entries: readonly Entry[];
  readonly newPeriods: readonly Omit<NewPeriod, 'customerNo'>[];
}

/** Says in which billing periods of its customer each event counts, behind one gate. */
export class UsagePlacer {
  private readonly periodsRead: {
    customer: KnownCustomer;
    meterNo: number;
    period: KnownPeriod;
  }[] = [];

  constructor(
    private readonly tx: Transaction,
    private readonly tenantId: string,
    private readonly catalog: TenantCatalog,
    private readonly gate: GateState,
  ) {}

  /** @returns For each plan its places, or why it has none. */
  async place(
    plans: readonly Plan[],
    customerNoOf: (plan: Plan) => number,
  ): Promise<(Placed | Fault)[]> {
    const book = new PeriodBook(this.tx, this.tenantId);
    const placed = await book.collect(plans, (plan) =>
      this.placeOne(plan, customerNoOf(plan), book),
    );
    this.noteRead(plans, book);
    return placed;
  }

  /** Keeps the periods that were read for the transactions after this one, once it has committed. */
  committed(): void {
    for (const { customer, meterNo, period } of this.periodsRead) {
      customer.openPeriods.remember(meterNo, period);
    }
  }

  private noteRead(plans: readonly Plan[], book: PeriodBook): void {
    for (const { customer, counted } of plans) {
      if (customer === undefined) continue;
      for (const { meter } of counted) {
        for (const period of book.rowsOf(customer.customerNo, meter.meterNo)) {
          this.periodsRead.push({ customer, meterNo: meter.meterNo, period });
        }
      }
    }
  }

  private placeOne(plan: Plan, customerNo: number, book: PeriodBook): Placed | Fault {
    const { gate } = this;
    const { event } = plan.candidate;
    const marksOf = (meterNo: number): Marks => ({
      closedThrough: Math.max(
        gate.closedThrough,
        this.catalog.closedThrough(plan.customer, meterNo),
      ),
      clockClosedThrough: gate.clockClosedThrough,
    });
    // Absent: now, but behind every mark, so that it is never late at birth.
    const occurredAt =
      event.occurredAt ??
      Math.max(
        gate.now,
        gate.clockClosedThrough,
        ...plan.counted.map(({ meter }) => marksOf(meter.meterNo).closedThrough),
      );
    const entries: Entry[] = [];
    const newPeriods: Omit<NewPeriod, 'customerNo'>[] = [];
    for (const counted of plan.counted) {
      const { meter } = counted;
      const marks = marksOf(meter.meterNo);
      const compute = periodsOf(plan.customer, meter.meterNo);
      const periodAt = (at: Micros): KnownPeriod =>
        plan.customer?.openPeriods.at(meter.meterNo, at, marks) ??
        book.periodAt(customerNo, meter.meterNo, compute, at);
      const uniqueKey = this.uniqueKey(counted);
      if (
        plan.candidate.historical ||
        (meter.billingStartsAt !== null && occurredAt < meter.billingStartsAt)
      ) {
        const { start } = periodAt(occurredAt);
        entries.push({
          counted,
          uniqueKey,
          periodStart: start,
          originStart: start,
          revision: 0,
          late: false,
          billable: false,
        });
        continue;
      }
      const place = placeUsage(occurredAt, meter.lateUsage, marks, periodAt);
      if (place.kind === 'refused') return lateUsageRefused(meter.key, place.origin.end);
      const { period, origin, revision, late } = place;
      entries.push({
        counted,
        uniqueKey,
        periodStart: period.start,
        originStart: origin.start,
        revision,
        late,
        billable: true,
      });
      if (!period.stored) {
        const { start, end, ofItem } = period;
        newPeriods.push({ meterNo: meter.meterNo, start, end, ofItem });
      }
    }
    return { plan, occurredAt, entries, newPeriods };
  }

  private uniqueKey({ meter, uniqueValue }: Counted): string | null {
    if (uniqueValue === undefined) return null;
    return createHmac('sha256', this.catalog.hashKey)
      .update(`${meter.meterNo}:${uniqueValue}`)
      .digest('hex')
      .slice(0, 32);
  }
}

/** By the customer's schedule, or as Stripe says where the meter's periods are asked for there. */
function periodsOf(
  customer: KnownCustomer | undefined,
  meterNo: number,
): (at: Micros) => SourcedPeriod {
  const source = customer?.sources.get(meterNo);
  if (source !== undefined) return (at) => periodOfSource(source, at);
  const timeline = customer?.timeline ?? DEFAULT_TIMELINE;
  return (at) => ({ ...periodInTimeline(timeline, at), ofItem: false });
}
