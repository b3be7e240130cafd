import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import { ownThroughs } from '../usage/amended-value.js';
import { periodKeyText, type PeriodKey } from '../usage/period-values.js';
import { closedAfter, revisionFacts, type RevisionFacts } from './sealing.store.js';

/** Closed periods that get what is carried on behind one closed gate, beside those that are due. */
const CHAINED_MAX = 500;
const CHAIN_MAX = 50;

/** A closed period as it was read before the gate, where reading may take its time. */
interface PlannedPeriod extends PeriodKey {
  readonly periodEnd: Micros;
  readonly revisions: number;
  /**
   * Whether usage of its own stands with these revisions, which nothing can join any more; null where
   * it was not looked for.
   */
  readonly isUsed: boolean | null;
}

/** A period that is due, and those after it without usage: what changes it changes them. */
export type Chain = readonly PlannedPeriod[];

/** Finds what periods of meters with carry_last may have to be sealed for, before the gate is closed. */
export async function planChains(
  db: Queryable,
  tenantId: string,
  due: readonly PeriodKey[],
): Promise<Chain[]> {
  const heads = await planned(db, tenantId, due, mayBeCarriedInto);
  const open = heads.filter(({ isUsed }) => isUsed === false);
  const limit = Math.min(CHAIN_MAX, Math.ceil(CHAINED_MAX / Math.max(open.length, 1)));
  const after = await closedAfter(db, tenantId, open, limit);
  const known = await planned(db, tenantId, after, (facts) => !isBusy(facts));
  const byKey = new Map(known.map((period) => [periodKeyText(period), period]));
  return heads.map((head) => {
    const at = open.indexOf(head);
    const chain = [head];
    for (const key of after.filter((each) => each.at === at)) {
      const period = byKey.get(periodKeyText(key));
      const follows = period?.periodStart === chain.at(-1)!.periodEnd;
      if (!follows || period.isUsed !== false || period.facts.written === null) break;
      chain.push(period);
    }
    return chain;
  });
}

async function planned(
  db: Queryable,
  tenantId: string,
  periods: readonly PeriodKey[],
  needsOwn: (facts: RevisionFacts) => boolean,
): Promise<(PlannedPeriod & { readonly facts: RevisionFacts })[]> {
  const facts = await revisionFacts(db, tenantId, periods);
  const asked = facts.filter(needsOwn);
  const own = await ownThroughs(
    db,
    tenantId,
    asked.map(({ revisions, ...key }) => ({ ...key, aggregation: 'last', revision: revisions })),
  );
  const used = new Map(asked.map((each, i) => [each, own[i] !== null]));
  return facts.map((each) => ({ ...each, facts: each, isUsed: used.get(each) ?? null }));
}

const isBusy = ({ hasEntries, hasUnwritten }: RevisionFacts): boolean => hasEntries || hasUnwritten;

function mayBeCarriedInto(facts: RevisionFacts): boolean {
  return !isBusy(facts) && !facts.isBeforeUnwritten && facts.written !== facts.now;
}

export interface SealingVerdict {
  /** Those whose revision says something. */
  readonly sealed: ReadonlyMap<string, PeriodKey>;
  /** Those that are due for nothing. */
  readonly needless: ReadonlySet<string>;
}

/**
 * Which periods of the chains to seal, as things stand behind the closed gate. What is neither sealed
 * nor needless is left for another time: it has changed since it was planned, or is just being changed.
 *
 * @param factsOf Of those that nobody is at.
 */
export function judgeChains(
  chains: readonly Chain[],
  factsOf: ReadonlyMap<string, RevisionFacts>,
): SealingVerdict {
  const sealed = new Map<string, PeriodKey>();
  const needless = new Set<string>();
  const sealedEnds = new Set<string>();
  for (const chain of chains.toSorted((a, b) => a[0]!.periodStart - b[0]!.periodStart)) {
    let carried: string | null = null;
    for (const [i, period] of chain.entries()) {
      const key = periodKeyText(period);
      const facts = factsOf.get(key);
      if (facts?.revisions !== period.revisions || sealed.has(key)) break;
      if (i === 0 && !facts.hasEntries) {
        // What the period before comes to is known once its revision is written.
        if (facts.isBeforeUnwritten || sealedEnds.has(key)) break;
        carried = facts.now;
      }
      const isSettled = facts.hasUnwritten || facts.written === carried || period.isUsed === true;
      if (!facts.hasEntries && isSettled) {
        if (i === 0) needless.add(key);
        break;
      }
      if (!facts.hasEntries && period.isUsed === null) break;
      if (facts.hasEntries && i > 0) break;
      sealed.set(key, period);
      sealedEnds.add(periodKeyText({ ...period, periodStart: period.periodEnd }));
      if (facts.hasEntries) break;
    }
  }
  return { sealed, needless };
}
