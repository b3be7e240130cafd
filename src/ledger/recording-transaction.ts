import { createCustomers } from '../customers/customer.store.js';
import type { Transaction } from '../database/connections.js';
import { enterGate, type GateState } from '../database/gate.js';
import { MICROS_PER_SECOND } from '../domain/instant.js';
import { countEvent, type Counted, type Fault } from '../domain/usage-match.js';
import type { Candidate } from './candidate.js';
import { insertUsage, type FreshEvent } from './entry.store.js';
import { judge } from './judge.js';
import { isClosedByClock, storePeriods } from './period.store.js';
import {
  AHEAD_MAX_MICROS,
  aheadOfClock,
  negativeValue,
  unknownCustomer,
} from './recording-faults.js';
import { readKeys, takeKeys } from './registry.store.js';
import type { TenantCatalog } from './tenant-catalog.js';
import { UsagePlacer, type Placed, type Plan } from './usage-placer.js';
import type { Verdict } from './verdict.js';

/** What was computed before is of another version than what holds now. */
export class StaleCatalog extends Error {}

export interface RecordingSettings {
  readonly tenantId: string;
  readonly createsCustomers: boolean;
  readonly graceSeconds: number;
}

/**
 * One recording transaction: one tenant, one chunk of events.
 *
 * Order of locks: gate, customers, billing periods, event keys, copies, sets, deltas; each sorted,
 * each once. Customers before keys on one path and after them on another gave 45 deadlocks in 480.
 */
export class RecordingTransaction {
  private placer: UsagePlacer | undefined;

  constructor(
    private readonly tx: Transaction,
    private readonly catalog: TenantCatalog,
    private readonly settings: RecordingSettings,
  ) {}

  async run(chunk: readonly Candidate[]): Promise<Verdict[]> {
    const { tx, settings } = this;
    const gate = await enterGate(tx, settings.tenantId);
    if (!this.catalog.holds(gate)) throw new StaleCatalog();
    const placer = new UsagePlacer(tx, settings.tenantId, this.catalog, gate);
    this.placer = placer;

    const faults = new Map<number, Fault[]>();
    let plans = this.plan(chunk, gate, faults);
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

    const firsts = await this.placeFirsts(placer, plans, customerNoOf, gate, faults);
    const placed = [...firsts.values()];

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
    return judge(tx, settings.tenantId, {
      chunk,
      faults,
      tried: new Set(firsts.keys()),
      accepted: new Map([...fresh].map(([key, p]) => [key, { ...p, candidate: p.plan.candidate }])),
      knownBefore: known,
      receivedAt: gate.receivedAt,
    });
  }

  /** To be called once it has: what it read serves the transactions after it. */
  committed(): void {
    this.placer?.committed();
  }

  /** What each event counts where; those that cannot be recorded go to `faults`. */
  private plan(chunk: readonly Candidate[], gate: GateState, faults: Map<number, Fault[]>): Plan[] {
    const plans: Plan[] = [];
    for (const candidate of chunk) {
      const counted = countEvent(candidate.event, this.catalog.byType);
      const customer = this.catalog.customer(candidate.event.customerId);
      const found = Array.isArray(counted)
        ? candidate.mayAdjust
          ? []
          : negativeValue(counted)
        : [counted];
      if ((candidate.event.occurredAt ?? 0) > gate.now + AHEAD_MAX_MICROS) found.push(aheadOfClock);
      if (customer === undefined && !this.settings.createsCustomers) found.push(unknownCustomer);
      if (found.length > 0) faults.set(candidate.index, found);
      else plans.push({ candidate, counted: counted as Counted[], customer });
    }
    return plans;
  }

  /** By event, with their periods stored; placed again where some were opened and closed meanwhile. */
  private async placeFirsts(
    placer: UsagePlacer,
    plans: readonly Plan[],
    customerNoOf: (plan: Plan) => number,
    gate: GateState,
    faults: Map<number, Fault[]>,
  ): Promise<Map<string, Placed>> {
    for (;;) {
      // Of copies the first that can be recorded wins; one that is refused stands in nobody's way.
      const firsts = new Map<string, Placed>();
      for (const [i, placed] of (await placer.place(plans, customerNoOf)).entries()) {
        const { eventKey, index } = plans[i]!.candidate;
        if (!('entries' in placed)) faults.set(index, [placed]);
        else if (!firsts.has(eventKey)) firsts.set(eventKey, placed);
      }
      if (await this.storePeriods([...firsts.values()], customerNoOf, gate)) return firsts;
    }
  }

  /**
   * Writes the rows of periods that get their first entry; a copy of something recorded opens none.
   * What a meter carries over opens periods without the gate, those among them that the own clock has
   * closed: entries were placed as if they were open.
   *
   * @returns Whether the entries may stay where they are.
   */
  private async storePeriods(
    placed: readonly Placed[],
    customerNoOf: (plan: Plan) => number,
    gate: GateState,
  ): Promise<boolean> {
    const wanting = placed.filter((p) => p.newPeriods.length > 0);
    const known = await readKeys(
      this.tx,
      this.settings.tenantId,
      wanting.map((p) => p.plan.candidate.eventKey),
    );
    const periods = wanting
      .filter((p) => !known.has(p.plan.candidate.eventKey))
      .flatMap((p) =>
        p.newPeriods.map((period) => ({ ...period, customerNo: customerNoOf(p.plan) })),
      );
    const graceMicros = this.settings.graceSeconds * MICROS_PER_SECOND;
    const backfilledThrough = Math.max(gate.clockClosedThrough, gate.now - graceMicros);
    const { tenantId } = this.settings;
    const wereThere = await storePeriods(this.tx, tenantId, periods, backfilledThrough);
    if (!wereThere) return true;
    return !(await isClosedByClock(this.tx, tenantId, periods, gate.clockClosedThrough));
  }
}

function toFreshEvent({ plan, occurredAt, entries }: Placed, customerNo: number): FreshEvent {
  const { event, eventKey } = plan.candidate;
  return { event, eventKey, customerNo, occurredAt, entries };
}
