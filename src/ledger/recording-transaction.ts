import { createHmac } from 'node:crypto';
import { createCustomers } from '../customers/customer.store.js';
import type { Transaction } from '../database/connections.js';
import { enterGate, type GateState } from '../database/gate.js';
import { DEFAULT_SCHEDULE, type ScheduleTimeline } from '../domain/billing-period.js';
import { isNegative } from '../domain/decimal.js';
import { differingFields } from '../domain/fingerprint.js';
import { MICROS_PER_MINUTE, MICROS_PER_SECOND, formatInstantMicros, type Micros } from '../domain/instant.js';
import { jsonPointer } from '../domain/json-pointer.js';
import { placeUsage, type Marks } from '../domain/place-usage.js';
import type { UsageEvent } from '../domain/usage-event.js';
import { countEvent, type Counted, type Fault } from '../domain/usage-match.js';
import { insertUsage, type Entry, type FreshEvent } from './entry.store.js';
import { PeriodBook } from './period-book.js';
import { countCopies, readKeys, readOriginals, takeKeys, type KnownKey } from './registry.store.js';
import type { KnownCustomer, TenantCatalog } from './tenant-catalog.js';
import type { Verdict } from './verdict.js';

/** What was computed before the gate is of another version than what holds behind it. */
export class StaleCatalog extends Error {}

export interface Candidate {
  readonly index: number;
  readonly event: UsageEvent;
  readonly eventKey: string;
  readonly fingerprint: Buffer;
}

export interface RecordingSettings {
  readonly tenantId: string;
  readonly historical: boolean;
  /** Whether the caller has the scope `usage:adjust`. */
  readonly mayAdjust: boolean;
  readonly createsCustomers: boolean;
  readonly graceSeconds: number;
}

/** A candidate that may be recorded if its id is free. */
interface Plan {
  readonly candidate: Candidate;
  readonly counted: readonly Counted[];
  readonly customer: KnownCustomer | undefined;
}

/** A plan with each of its entries in its place. */
interface Placed {
  readonly plan: Plan;
  readonly occurredAt: Micros;
  readonly entries: readonly Entry[];
  readonly newPeriods: readonly NewPeriod[];
}

interface NewPeriod {
  readonly meterNo: number;
  readonly start: Micros;
  readonly end: Micros;
}

const UNSCHEDULED: ScheduleTimeline = {
  segments: [{ effectiveFrom: -Infinity, schedule: DEFAULT_SCHEDULE }],
};

/**
 * One recording transaction: one tenant, one chunk of events.
 *
 * Order of locks: gate, customers, billing periods, event keys, copies, sets, deltas; each sorted,
 * each once. Customers before keys on one path and after them on another gave 45 deadlocks in 480.
 */
export class RecordingTransaction {
  constructor(
    private readonly tx: Transaction,
    private readonly catalog: TenantCatalog,
    private readonly settings: RecordingSettings,
  ) {}

  async run(chunk: readonly Candidate[]): Promise<Verdict[]> {
    const { tx, settings } = this;
    const gate = await enterGate(tx, settings.tenantId);
    if (gate.gateVersion !== this.catalog.gateVersion) throw new StaleCatalog();

    const faults = new Map<number, Fault[]>();
    let plans = this.plan(chunk, gate, faults);
    const firsts = new Map<string, Plan>();
    for (const plan of plans) {
      const key = plan.candidate.eventKey;
      if (!firsts.has(key)) firsts.set(key, plan);
    }
    plans = [...firsts.values()];

    // What would make a customer, or be refused, may be a copy of something recorded long ago.
    const doubtful = chunk.filter((c) => faults.has(c.index)).map((c) => c.eventKey);
    for (const plan of plans)
      if (plan.customer === undefined) doubtful.push(plan.candidate.eventKey);
    const known = await readKeys(tx, settings.tenantId, doubtful);
    plans = plans.filter((plan) => !known.has(plan.candidate.eventKey));

    const customerNos = await createCustomers(
      tx,
      settings.tenantId,
      plans
        .filter((plan) => plan.customer === undefined)
        .map((plan) => plan.candidate.event.customerId),
    );
    const customerNoOf = (plan: Plan): number =>
      plan.customer?.customerNo ?? customerNos.get(plan.candidate.event.customerId)!;

    const placed = await this.place(plans, customerNoOf, gate, faults);
    await this.storePeriods(placed, customerNoOf, gate);

    const taken = await takeKeys(
      tx,
      settings.tenantId,
      placed.map((p) => p.plan.candidate.eventKey),
      placed.map((p) => p.plan.candidate.fingerprint),
      gate.receivedAt,
    );
    const fresh = new Map<string, Placed>();
    for (const p of placed) {
      if (taken.has(p.plan.candidate.eventKey)) fresh.set(p.plan.candidate.eventKey, p);
    }
    if (fresh.size > 0) {
      await insertUsage(
        tx,
        settings.tenantId,
        [...fresh.values()].map((p) => toFreshEvent(p, customerNoOf(p.plan))),
        gate.receivedAt,
      );
    }
    return this.judge(chunk, faults, firsts, fresh, known, gate.receivedAt);
  }

  /** What each event counts where; those that cannot be recorded go to `faults`. */
  private plan(
    chunk: readonly Candidate[],
    gate: GateState,
    faults: Map<number, Fault[]>,
  ): Plan[] {
    const plans: Plan[] = [];
    for (const candidate of chunk) {
      const counted = countEvent(candidate.event, this.catalog.byType);
      const customer = this.catalog.customer(candidate.event.customerId);
      const found: Fault[] = Array.isArray(counted) ? this.adjustments(counted) : [counted];
      if ((candidate.event.occurredAt ?? 0) > gate.now + AHEAD_MAX_MICROS) found.push(AHEAD);
      if (customer === undefined && !this.settings.createsCustomers) found.push(UNKNOWN_CUSTOMER);
      if (found.length > 0) faults.set(candidate.index, found);
      else plans.push({ candidate, counted: counted as Counted[], customer });
    }
    return plans;
  }

  /** A negative value takes its own scope, whether it is the quantity or a property. */
  private adjustments(counted: readonly Counted[]): Fault[] {
    if (this.settings.mayAdjust) return [];
    const negative = counted.find((each) => isNegative(each.quantity));
    if (negative === undefined || negative.meter.valueProperty === 'quantity') return [];
    return [
      {
        code: 'scope_required',
        pointer: jsonPointer('properties', negative.meter.valueProperty),
        detail: 'a negative value needs an API key with the scope usage:adjust',
      },
    ];
  }

  private async place(
    plans: readonly Plan[],
    customerNoOf: (plan: Plan) => number,
    gate: GateState,
    faults: Map<number, Fault[]>,
  ): Promise<Placed[]> {
    const book = new PeriodBook(this.tx, this.settings.tenantId);
    const placed = await book.collect(plans, (plan) =>
      this.placeOne(plan, customerNoOf(plan), gate, book),
    );
    return placed.filter((result, i): result is Placed => {
      if ('entries' in result) return true;
      faults.set(plans[i]!.candidate.index, [result]);
      return false;
    });
  }

  private placeOne(
    plan: Plan,
    customerNo: number,
    gate: GateState,
    book: PeriodBook,
  ): Placed | Fault {
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
    const timeline = plan.customer?.timeline ?? UNSCHEDULED;
    const entries: Entry[] = [];
    const newPeriods: NewPeriod[] = [];
    for (const counted of plan.counted) {
      const { meter } = counted;
      const periodAt = (at: Micros) => book.periodAt(customerNo, meter.meterNo, timeline, at);
      const uniqueKey = this.uniqueKey(counted);
      if (
        this.settings.historical ||
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
      const place = placeUsage(occurredAt, meter.lateUsage, marksOf(meter.meterNo), periodAt);
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
        newPeriods.push({ meterNo: meter.meterNo, start: period.start, end: period.end });
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

  /** Writes the rows of periods that get their first entry. */
  private async storePeriods(
    placed: readonly Placed[],
    customerNoOf: (plan: Plan) => number,
    gate: GateState,
  ): Promise<void> {
    const rows = new Map<string, NewPeriod & { customerNo: number }>();
    const wanting = placed.filter((p) => p.newPeriods.length > 0);
    // A copy of something recorded must not open a period.
    const known = await readKeys(
      this.tx,
      this.settings.tenantId,
      wanting.map((p) => p.plan.candidate.eventKey),
    );
    for (const p of wanting) {
      if (known.has(p.plan.candidate.eventKey)) continue;
      const customerNo = customerNoOf(p.plan);
      for (const period of p.newPeriods) {
        rows.set(`${customerNo}/${period.meterNo}/${period.start}`, { ...period, customerNo });
      }
    }
    if (rows.size === 0) return;
    const periods = [...rows.values()];
    const backfilledThrough = Math.max(
      gate.clockClosedThrough,
      gate.now - this.settings.graceSeconds * MICROS_PER_SECOND,
    );
    await this.tx.query(
      `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled)
       SELECT $1, p.*
         FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::boolean[])
           AS p (customer_no, meter_no, period_start, period_end, backfilled)
        ORDER BY p.customer_no, p.meter_no, p.period_start
           ON CONFLICT DO NOTHING`,
      [
        this.settings.tenantId,
        periods.map((p) => p.customerNo),
        periods.map((p) => p.meterNo),
        periods.map((p) => formatInstantMicros(p.start)),
        periods.map((p) => formatInstantMicros(p.end)),
        periods.map((p) => p.end <= backfilledThrough),
      ],
    );
  }

  /** The verdict on every event, from what was written and what is known. */
  private async judge(
    chunk: readonly Candidate[],
    faults: ReadonlyMap<number, readonly Fault[]>,
    firsts: ReadonlyMap<string, Plan>,
    fresh: ReadonlyMap<string, Placed>,
    knownBefore: ReadonlyMap<string, KnownKey>,
    receivedAt: Micros,
  ): Promise<Verdict[]> {
    const { tx, settings } = this;
    const unread = chunk
      .map((c) => c.eventKey)
      .filter((key) => !fresh.has(key) && !knownBefore.has(key) && firsts.has(key));
    const known = new Map(knownBefore);
    for (const [key, row] of await readKeys(tx, settings.tenantId, [...new Set(unread)])) {
      known.set(key, row);
    }
    for (const [key, { plan }] of fresh) {
      known.set(key, { eventKey: key, fingerprint: plan.candidate.fingerprint, receivedAt });
    }

    const copies = new Map<string, number>();
    const conflicting: string[] = [];
    for (const candidate of chunk) {
      const original = known.get(candidate.eventKey);
      if (original === undefined || isAccepted(candidate, fresh)) continue;
      if (!original.fingerprint.equals(candidate.fingerprint)) conflicting.push(candidate.eventKey);
      else copies.set(candidate.eventKey, (copies.get(candidate.eventKey) ?? 0) + 1);
    }
    await countCopies(tx, settings.tenantId, copies, receivedAt);
    const originals = await readOriginals(tx, settings.tenantId, [...new Set(conflicting)]);

    return chunk.map((candidate): Verdict => {
      const placed = fresh.get(candidate.eventKey);
      if (placed !== undefined && isAccepted(candidate, fresh)) return accepted(placed);
      const original = known.get(candidate.eventKey);
      if (original === undefined) {
        const first = firsts.get(candidate.eventKey)?.candidate.index ?? candidate.index;
        const found = faults.get(candidate.index) ?? faults.get(first);
        // An id neither taken by us nor there before cannot be; no guess is made.
        if (found === undefined) throw new Error(`no verdict on ${candidate.eventKey}`);
        return { status: 'rejected', faults: found };
      }
      const firstReceivedAt = original.receivedAt;
      if (original.fingerprint.equals(candidate.fingerprint))
        return { status: 'duplicate', firstReceivedAt };
      const recorded = originals.get(candidate.eventKey);
      const fields = recorded === undefined ? null : differingFields(recorded, candidate.event);
      return { status: 'conflict', fields, firstReceivedAt };
    });
  }
}

const UNKNOWN_CUSTOMER: Fault = {
  code: 'unknown_customer',
  pointer: '/customer_id',
  detail:
    'No customer has this id or alias. Create it with PUT /v1/customers/:id and send the event again.',
};

/** For clocks that go fast: what Stripe allows too. */
const AHEAD_MAX_MICROS = 5 * MICROS_PER_MINUTE;

const AHEAD: Fault = {
  code: 'occurred_at_in_future',
  pointer: '/occurred_at',
  detail: 'occurred_at is more than 5 minutes ahead of our clock',
};

function lateUsageRefused(meterKey: string, periodEnd: Micros): Fault {
  return {
    code: 'late_usage_rejected',
    pointer: '/occurred_at',
    detail: `The billing period that ended at ${formatInstantMicros(periodEnd)} is closed, and the meter ${meterKey} rejects late usage.`,
  };
}

/** Whether this very candidate, not a copy of it in the same chunk, took the id. */
function isAccepted(candidate: Candidate, fresh: ReadonlyMap<string, Placed>): boolean {
  return fresh.get(candidate.eventKey)?.plan.candidate === candidate;
}

function accepted({ entries }: Placed): Verdict {
  const late = entries.find((entry) => entry.late);
  return late === undefined
    ? { status: 'accepted' }
    : { status: 'accepted', late: { billedPeriodStart: late.periodStart } };
}

function toFreshEvent({ plan, occurredAt, entries }: Placed, customerNo: number): FreshEvent {
  const { event, eventKey } = plan.candidate;
  return { event, eventKey, customerNo, occurredAt, entries };
}
