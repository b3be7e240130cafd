import type { CustomerMeter } from '../customers/billing-source.store.js';
import type { Transaction } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import type { BillingPeriod } from '../domain/billing-period.js';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { clip } from '../domain/item-period.js';
import { periodOfSource, type PeriodSource, type SourcedPeriod } from '../domain/period-source.js';
import { holdFolds } from './fold.js';
import { moveEntries, rebuildTotals } from './reshape-usage.store.js';
import { movePushes, withdrawUnsent } from './reshape-pushes.store.js';
import { refuseWhileLeaving } from './whole-ledger.store.js';
import {
  removeOpenPeriods,
  restorePeriods,
  storedPeriods,
  type StoredPeriod,
} from './reshape-periods.store.js';

/** Boundaries over more periods than this are a mistake, not a customer's history. */
const PERIODS_MAX = 100_000;

/**
 * Brings the open periods of one customer and meter into the shape that their source has now, and
 * their usage with them, from the ledger. A closed period never changes; what it holds stays, and
 * periods give way to it.
 *
 * What Stripe got counts there by its timestamp, whatever period we had it in: so does it here.
 * What was not sent yet is taken back, and planned anew from the new periods.
 *
 * Only behind the closed gate.
 *
 * @returns Whether anything had to change.
 * @throws Problem `ledger_month_missing`
 */
export async function reshapePeriods(
  tx: Transaction,
  tenantId: string,
  key: CustomerMeter,
  source: PeriodSource,
  gate: GateState,
  graceSeconds: number,
): Promise<boolean> {
  const stored = await storedPeriods(tx, tenantId, key, gate);
  const closed = stored.filter(({ isClosed }) => isClosed);
  const periodAt = (at: Micros): SourcedPeriod => giveWay(periodOfSource(source, at), closed, at);
  const from = firstMisplaced(stored, periodAt);
  if (from === undefined) return false;

  await holdFolds(tx, tenantId);
  const last = Math.max(...stored.map(({ end }) => end - 1));
  const periods = periodsBetween(periodAt, closed, from, last);
  const scope = {
    ...key,
    from,
    closedStarts: closed.map(({ start }) => start),
  };
  await refuseWhileLeaving(tx, tenantId, scope);
  await moveEntries(tx, tenantId, scope, periods);
  await rebuildTotals(tx, tenantId, scope);
  await withdrawUnsent(tx, tenantId, scope, gate.receivedAt);
  await movePushes(tx, tenantId, scope, periods);
  const carried = await removeOpenPeriods(tx, tenantId, scope);
  const backfilledThrough = Math.max(
    gate.clockClosedThrough,
    gate.now - graceSeconds * MICROS_PER_SECOND,
  );
  await restorePeriods(
    tx,
    tenantId,
    scope,
    periods.map((period) => ({
      ...period,
      backfilled: isBackfilled(period, stored, backfilledThrough),
      carriedLast: carried.get(period.start) ?? null,
    })),
  );
  return true;
}

/** Where the first open period begins that is not what it should be; nothing where all are. */
function firstMisplaced(
  stored: readonly StoredPeriod[],
  periodAt: (at: Micros) => SourcedPeriod,
): Micros | undefined {
  const starts = stored.flatMap((row) => {
    if (row.isClosed) return [];
    const wanted = periodAt(row.start);
    const isRight =
      wanted.start === row.start && wanted.end === row.end && wanted.ofItem === row.ofItem;
    return isRight ? [] : [Math.min(row.start, wanted.start)];
  });
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function giveWay(
  period: SourcedPeriod,
  closed: readonly BillingPeriod[],
  at: Micros,
): SourcedPeriod {
  const own = closed.find(({ start, end }) => start <= at && at < end);
  if (own !== undefined) return { start: own.start, end: own.end, ofItem: period.ofItem };
  const before = closed.findLast(({ end }) => end <= at);
  const after = closed.find(({ start }) => start > at);
  return {
    ...clip(period, before?.end ?? -Infinity, after?.start ?? Infinity),
    ofItem: period.ofItem,
  };
}

/** The open ones among them. */
function periodsBetween(
  periodAt: (at: Micros) => SourcedPeriod,
  closed: readonly BillingPeriod[],
  from: Micros,
  last: Micros,
): SourcedPeriod[] {
  const periods: SourcedPeriod[] = [];
  let period = periodAt(from);
  for (let count = 0; ; count++) {
    if (count > PERIODS_MAX) throw new RangeError('too many billing periods');
    if (!closed.some(({ start }) => start === period.start)) periods.push(period);
    if (period.end > last) return periods;
    period = periodAt(period.end);
  }
}

/** What the clock was to close before goes on being its, however long ago it turns out to have ended. */
function isBackfilled(
  period: SourcedPeriod,
  stored: readonly StoredPeriod[],
  backfilledThrough: Micros,
): boolean {
  const before = stored.filter(({ start, end }) => start < period.end && end > period.start);
  if (before.some(({ backfilled }) => !backfilled)) return false;
  return period.end <= backfilledThrough;
}
