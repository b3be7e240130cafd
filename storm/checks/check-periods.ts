import type { LedgerEntry, RejectionEntry } from '@countonce/stripe-simulator';
import {
  isSamePeriod,
  periodName,
  shown,
  type Books,
  type PeriodRow,
  type PushRow,
} from './books.js';
import { isReadable, type End } from './check-pushes.js';
import { decimalOf, total, unitsOf } from './exact.js';
import { FOREIGN } from './foreign.js';
import { isKnownMissing } from './missing-push.js';
import { PeriodUsage } from './period-usage.js';

export interface PeriodFindings {
  readonly findings: string[];
  /** Periods whose every unit was accounted for. */
  readonly balanced: number;
  readonly notPushed: number;
}

/** What goes to Stripe, by how the rows of the period carry it. */
type Way = 'hours' | 'deltas' | 'totals';

/** What Stripe holds at the end of a history, and what it refused after a 200. */
export interface StripeSide extends End {
  readonly ledger: readonly LedgerEntry[];
  readonly rejections: readonly RejectionEntry[];
}

/** Holds each period's usage against what its rows say of it, and Stripe's own value against ours. */
export function checkPeriods(books: Books, stripe: StripeSide): PeriodFindings {
  const findings: string[] = [];
  let balanced = 0;
  let notPushed = 0;
  for (const period of books.periods) {
    // What was pushed before such a setting stays pushed.
    const isBeforePushFrom = period.pushFrom !== null && period.pushFrom >= period.periodEnd;
    if (period.mode !== 'live' || isBeforePushFrom) {
      notPushed += 1;
      continue;
    }
    const account = new PeriodAccount(period, books, stripe);
    const found = account.check();
    if (found.length === 0) balanced += 1;
    findings.push(...found.map((what) => `${periodName(period)}: ${what}`));
  }
  return { findings, balanced, notPushed };
}

class PeriodAccount {
  private readonly usage: PeriodUsage;
  /** Rows that count for the period: of lanes in use. */
  private readonly rows: readonly PushRow[];
  private readonly held: bigint;

  constructor(
    private readonly period: PeriodRow,
    private readonly books: Books,
    private readonly stripe: StripeSide,
  ) {
    this.usage = new PeriodUsage(period, books.entries);
    this.rows = books.pushes.filter(
      (push) =>
        isSamePeriod(push, period) &&
        !push.superseded &&
        push.status !== 'shadow' &&
        push.purpose === 'usage',
    );
    const holds = books.holds.filter((hold) => isSamePeriod(hold, period));
    this.held = total(holds.map(({ value }) => unitsOf(value)));
  }

  check(): string[] {
    switch (this.way()) {
      case 'hours':
        return this.checkHours();
      case 'deltas':
        return this.balance(this.usage.whole(), this.rows, this.held, 'the period');
      case 'totals':
        return this.checkTotals();
    }
  }

  private way(): Way {
    if (this.rows.some(({ kind }) => kind === 'total')) return 'totals';
    const { aggregation } = this.period;
    if (aggregation === 'sum' || aggregation === 'count') return 'hours';
    return 'deltas';
  }

  private checkHours(): string[] {
    const { pushFrom, periodStart } = this.period;
    const rows = this.rows.filter(
      ({ hour }) => pushFrom === null || Math.max(hour ?? 0, periodStart) >= pushFrom,
    );
    const whole = total(this.usage.hours.map((hour) => this.usage.hour(hour)));
    // What is held is held of the period; it cannot be told of which hours.
    if (this.held !== 0n) return this.balance(whole, rows, this.held, 'all hours');
    const hours = new Set([...this.usage.hours, ...rows.map(({ hour }) => hour!)]);
    return [...hours].flatMap((hour) => {
      const own = rows.filter((row) => row.hour === hour);
      return this.balance(this.usage.hour(hour), own, 0n, `hour ${shown(hour)}`);
    });
  }

  private balance(usage: bigint, rows: readonly PushRow[], held: bigint, of: string): string[] {
    const standing = rows.filter(({ status, replaced }) => status !== 'rejected' || !replaced);
    const told = total(standing.map(({ value }) => unitsOf(value)));
    if (usage === told + held) return [];
    const parts = standing.map(({ status, value }) => `${status} ${decimalOf(unitsOf(value))}`);
    return [
      `${of} has usage of ${decimalOf(usage)}, rows [${parts.join(', ')}] and holds ${decimalOf(held)}`,
    ];
  }

  /** Totals of a lane stand for all before them; lanes that go on from one another add up. */
  private checkTotals(): string[] {
    const lanes = new Map<string, PushRow[]>();
    for (const row of this.rows) lanes.set(row.laneId, [...(lanes.get(row.laneId) ?? []), row]);
    const findings: string[] = [];
    let told = this.held;
    for (const rows of lanes.values()) {
      const totals = rows.filter(({ kind, replaced }) => kind === 'total' && !replaced);
      // A total that was refused last is open with what it says beyond the one before it: its value.
      const newest = totals.at(-1);
      if (newest !== undefined) told += unitsOf(newest.value);
      told += total(
        rows
          .filter(
            ({ kind, status, replaced }) =>
              kind === 'delta' && !(status === 'rejected' && replaced),
          )
          .map(({ value }) => unitsOf(value)),
      );
      findings.push(...this.checkLast(totals));
    }
    const usage = this.usage.whole();
    if (usage !== told) {
      findings.push(`is ${decimalOf(usage)}, its newest totals and holds say ${decimalOf(told)}`);
    }
    return findings;
  }

  /** What Stripe's meter holds for the period: the event with the latest timestamp in it. */
  private checkLast(totals: readonly PushRow[]): string[] {
    const newest = totals.at(-1);
    if (newest === undefined || !['delivered', 'confirmed'].includes(newest.status)) return [];
    if (this.isBeyondRepair(newest)) return [];
    const { periodStart, periodEnd } = this.period;
    const counted = this.stripe.ledger.filter(
      ({ identifier, customer, event_name: name, livemode, timestamp, cancelled }) =>
        !cancelled &&
        !identifier.startsWith(FOREIGN) &&
        customer === newest.stripeCustomerId &&
        name === newest.eventName &&
        livemode === newest.livemode &&
        timestamp * 1e6 >= periodStart &&
        timestamp * 1e6 < periodEnd,
    );
    const [last] = [...counted].sort((a, b) => b.timestamp - a.timestamp || b.receipt - a.receipt);
    if (last !== undefined && unitsOf(last.value) === unitsOf(newest.value)) return [];
    return [`Stripe's last value is ${last?.value}, ours ${decimalOf(unitsOf(newest.value))}`];
  }

  /** Refused after its 200, and found out where nobody can do anything about it any more. */
  private isBeyondRepair(push: PushRow): boolean {
    const { rejections, ledger, nowMs } = this.stripe;
    const isRefused = rejections.some(({ identifier }) => identifier === push.identifier);
    if (!isRefused) return false;
    return !isReadable(push, this.stripe) || isKnownMissing(push, this.books, ledger, nowMs);
  }
}
