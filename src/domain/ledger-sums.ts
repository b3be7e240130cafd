import { compareDecimals, difference, sumOf } from './decimal-arithmetic.js';
import { entryDigest } from './entry-digest.js';
import type { Micros } from './instant.js';
import { isAdditive, type Aggregation } from './meter.js';
import type { OwnUsage } from './statement.js';

/** An entry of a statement or of one of its amendments. */
export interface StatementEntry {
  readonly eventKey: string;
  readonly isVoid: boolean;
  /** Canonical; of a void, what it takes out. */
  readonly quantity: string;
  readonly revision: number;
  readonly occurredAt: Micros;
  readonly originStart: Micros;
  readonly uniqueKey: string | null;
}

interface Own {
  sum: string;
  count: number;
  digest: bigint;
  carriedSum: string | null;
  carriedCount: number | null;
}

/** What stands once a revision is in: what was voided by then does not. */
interface Standing {
  max: string | null;
  last: StatementEntry | null;
  readonly uniques: Set<string>;
}

/**
 * Adds up the entries of one period, each revision by itself and together, in one pass and without
 * keeping them (of `unique_count`, the distinct values are kept).
 */
export class LedgerSums {
  /** Entries of revisions that were not named. */
  strays = 0;
  private readonly own = new Map<number, Own>();
  private readonly standing: readonly [number, Standing][];
  private pending: StatementEntry | undefined;

  /** @param revisions Of the amendments; the statement's own is 0. */
  constructor(
    private readonly meterKey: string,
    private readonly periodStart: Micros,
    private readonly aggregation: Aggregation,
    revisions: readonly number[],
  ) {
    this.standing = [0, ...revisions].map((revision) => [
      revision,
      { max: null, last: null, uniques: new Set() },
    ]);
  }

  /** In the order of their event keys, a void after what it takes out. */
  add(entry: StatementEntry): void {
    if (!this.standing.some(([revision]) => revision === entry.revision)) this.strays++;
    this.addOwn(entry);
    if (isAdditive(this.aggregation)) return;
    const isOfPending = this.pending?.eventKey === entry.eventKey && entry.isVoid;
    if (this.pending !== undefined) {
      this.stand(this.pending, isOfPending ? entry.revision : Infinity);
    }
    this.pending = entry.isVoid ? undefined : entry;
  }

  /** What one revision's own entries come to; the largest and the last of those that stand with it. */
  usageOf(revision: number): OwnUsage {
    const own = this.own.get(revision);
    const standing = this.standingWith(revision);
    return {
      quantity_sum: own?.sum ?? null,
      quantity_max: standing?.max ?? null,
      last_quantity: standing?.last?.quantity ?? null,
      entry_count: String(own?.count ?? 0),
      carried_sum: own?.carriedSum ?? null,
      carried_count: own?.carriedCount == null ? null : String(own.carriedCount),
      unique_count: standing === undefined ? null : orNull(standing.uniques.size),
      digest: String(own?.digest ?? 0n),
    };
  }

  /** What the period comes to with a revision and all before it; null without usage. */
  through(revision: number): string | null {
    const before = [...this.own].filter(([own]) => own <= revision).map(([, own]) => own);
    const standing = this.standingWith(revision);
    switch (this.aggregation) {
      case 'sum':
        return before.length === 0 ? null : sumOf(before.map(({ sum }) => sum));
      case 'count':
        return before.length === 0 ? null : String(before.reduce((n, { count }) => n + count, 0));
      case 'max':
        return standing?.max ?? null;
      case 'last':
        return standing?.last?.quantity ?? null;
      case 'unique_count':
        return String(standing?.uniques.size ?? 0);
    }
  }

  private addOwn({ revision, isVoid, quantity, eventKey, originStart }: StatementEntry): void {
    let own = this.own.get(revision);
    if (own === undefined) {
      own = { sum: '0', count: 0, digest: 0n, carriedSum: null, carriedCount: null };
      this.own.set(revision, own);
    }
    const signed = isVoid ? difference('0', quantity) : quantity;
    const one = isVoid ? -1 : 1;
    own.sum = sumOf([own.sum, signed]);
    own.count += one;
    own.digest += entryDigest(eventKey, this.meterKey, this.periodStart, quantity, isVoid);
    if (originStart === this.periodStart) return;
    own.carriedSum = sumOf([own.carriedSum ?? '0', signed]);
    own.carriedCount = (own.carriedCount ?? 0) + one;
  }

  /** @param voidedIn The revision that took it out again. */
  private stand(entry: StatementEntry, voidedIn: number): void {
    for (const [revision, standing] of this.standing) {
      if (revision < entry.revision || revision >= voidedIn) continue;
      if (standing.max === null || compareDecimals(entry.quantity, standing.max) > 0) {
        standing.max = entry.quantity;
      }
      if (standing.last === null || isLater(entry, standing.last)) standing.last = entry;
      if (entry.uniqueKey !== null) standing.uniques.add(entry.uniqueKey);
    }
  }

  private standingWith(revision: number): Standing | undefined {
    if (this.pending !== undefined) this.stand(this.pending, Infinity);
    this.pending = undefined;
    return this.standing.find(([each]) => each === revision)?.[1];
  }
}

function isLater(a: StatementEntry, b: StatementEntry): boolean {
  return a.occurredAt === b.occurredAt ? a.eventKey > b.eventKey : a.occurredAt > b.occurredAt;
}

function orNull(count: number): string | null {
  return count === 0 ? null : String(count);
}
