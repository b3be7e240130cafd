import type { CustomerMeter } from '../customers/billing-source.store.js';
import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import { countDue, type CloseScope } from '../ledger/close-request.store.js';
import { statementValues } from '../usage/statement-values.js';
import { carryingPeriods, countPushed, type CarryingPeriod } from './close-rehearsal.store.js';
import { FollowingPeriods } from './following-periods.js';

const PAIRS_PER_PAGE = 500;

/** What a close comes to. */
export interface CloseCounts {
  readonly due: number;
  readonly alreadyClosed: number;
  /** Of those that are due: handed to the push stage. */
  readonly pushes: number;
}

/**
 * What a close would come to, without doing it. Where a meter carries its value over, a statement
 * opens the period after it, which is closed with it if it has ended too: those are not stored yet.
 */
export async function rehearseClose(
  db: Queryable,
  tenantId: string,
  scope: CloseScope,
): Promise<CloseCounts> {
  const { due, alreadyClosed } = await countDue(db, tenantId, scope);
  let carried = 0;
  let pushes = await countPushed(db, tenantId, scope);
  let after: CustomerMeter = { customerNo: 0, meterNo: 0 };
  for (;;) {
    const stored = await carryingPeriods(db, tenantId, scope, after, PAIRS_PER_PAGE);
    const last = stored.at(-1);
    if (last === undefined) return { due: due + carried, alreadyClosed, pushes };
    after = last;
    const used = await usedPeriods(db, tenantId, stored, scope.asOf);
    const following = await FollowingPeriods.of(db, tenantId, stored);
    for (const periods of byPair(stored)) {
      const opened = countOpened(periods, used, scope.asOf, (end) =>
        following.after(periods[0]!, end),
      );
      carried += opened;
      if (periods[0]!.pushed) pushes += opened;
    }
  }
}

/** Of the periods that are due, those with usage: what they end with is carried over. */
async function usedPeriods(
  db: Queryable,
  tenantId: string,
  stored: readonly CarryingPeriod[],
  asOf: Micros,
): Promise<Set<CarryingPeriod>> {
  const due = stored.filter(({ closed, end }) => !closed && end <= asOf);
  const values = await statementValues(
    db,
    tenantId,
    due.map(({ start, ...key }) => ({ ...key, periodStart: start, aggregation: 'last' })),
  );
  return new Set(due.filter((_, i) => values[i]!.eventCount > 0));
}

/**
 * How many periods a close opens and closes as well, of one customer and meter: each after one that
 * carries, until one is stored, or has not ended.
 *
 * @param periods Stored ones, in order of their end.
 */
function countOpened(
  periods: readonly CarryingPeriod[],
  used: ReadonlySet<CarryingPeriod>,
  asOf: Micros,
  following: (end: Micros) => { readonly end: Micros },
): number {
  const starts = new Set(periods.map(({ start }) => start));
  const carriedInto = new Set<Micros>();
  let opened = 0;
  for (const period of periods) {
    if (period.closed || period.end > asOf) continue;
    const carries =
      used.has(period) || period.carriedLast !== null || carriedInto.has(period.start);
    if (!carries) continue;
    let at = period.end;
    while (at < asOf && !starts.has(at)) {
      const { end } = following(at);
      if (end > asOf) break;
      starts.add(at);
      opened++;
      at = end;
    }
    carriedInto.add(at);
  }
  return opened;
}

function byPair(periods: readonly CarryingPeriod[]): CarryingPeriod[][] {
  const pairs = new Map<string, CarryingPeriod[]>();
  for (const period of periods) {
    const key = `${period.customerNo} ${period.meterNo}`;
    const pair = pairs.get(key);
    if (pair === undefined) pairs.set(key, [period]);
    else pair.push(period);
  }
  return [...pairs.values()];
}
