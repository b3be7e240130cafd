import { periodSourcesOf } from '../customers/billing-source.store.js';
import { timelinesOf } from '../customers/customer-timelines.js';
import type { Transaction } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { periodInTimeline } from '../domain/billing-period.js';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { isAdditive } from '../domain/meter.js';
import { periodOfSource, type SourcedPeriod } from '../domain/period-source.js';
import { placeVoid, type VoidKind } from '../domain/place-usage.js';
import { PeriodBook } from './period-book.js';
import { storePeriods } from './period.store.js';
import type { VoidTarget } from './void-target.store.js';

/** An entry, and where it is taken out again. */
export interface PlacedVoid {
  readonly target: VoidTarget;
  readonly kind: VoidKind;
  readonly periodStart: Micros;
  readonly originStart: Micros;
  readonly revision: number;
}

/**
 * Decides where entries are taken out again, and writes the rows of periods that get their first
 * entry by it. Everything is read behind the gate, which the transaction holds, shared or alone: no
 * close, schedule or meter changes meanwhile.
 *
 * @returns One for each target, in the order given.
 */
export async function placeVoids(
  tx: Transaction,
  tenantId: string,
  targets: readonly VoidTarget[],
  gate: GateState,
  graceSeconds: number,
): Promise<PlacedVoid[]> {
  const customerNos = [...new Set(targets.map(({ customerNo }) => customerNo))];
  const marks = await closeMarks(tx, tenantId, targets);
  const timelines = await timelinesOf(tx, tenantId, customerNos);
  const sources = await periodSourcesOf(tx, tenantId, customerNos);
  const book = new PeriodBook(tx, tenantId);
  const stored: (SourcedPeriod & { customerNo: number; meterNo: number })[] = [];
  const placed = await book.collect(targets, (target) => {
    const { customerNo, meterNo, periodStart, originStart, revision } = target;
    if (!target.billable)
      return { target, kind: 'open' as const, periodStart, originStart, revision };
    const source = sources.get(customerNo)?.get(meterNo);
    const compute = (at: Micros): SourcedPeriod =>
      source === undefined
        ? { ...periodInTimeline(timelines.get(customerNo)!, at), ofItem: false }
        : periodOfSource(source, at);
    const place = placeVoid(
      target,
      target.lateUsage === 'carry_forward' ||
        (target.lateUsage === 'reject' && isAdditive(target.aggregation)),
      {
        closedThrough: Math.max(gate.closedThrough, marks.get(`${customerNo}/${meterNo}`) ?? 0),
        clockClosedThrough: gate.clockClosedThrough,
      },
      (at) => book.periodAt(customerNo, meterNo, compute, at),
    );
    const { start, end, ofItem } = place.period;
    if (!place.period.stored) stored.push({ customerNo, meterNo, start, end, ofItem });
    return {
      target,
      kind: place.kind,
      periodStart: start,
      originStart: place.originStart,
      revision: place.revision,
    };
  });
  const graceMicros = graceSeconds * MICROS_PER_SECOND;
  const backfilledThrough = Math.max(gate.clockClosedThrough, gate.now - graceMicros);
  await storePeriods(tx, tenantId, stored, backfilledThrough);
  return placed;
}

/** How far commands have closed each customer and meter, but for the tenant's own mark. */
async function closeMarks(
  tx: Transaction,
  tenantId: string,
  targets: readonly VoidTarget[],
): Promise<Map<string, Micros>> {
  const rows = await tx.query<{ customerNo: number; meterNo: number; closedThrough: Micros }>(
    `SELECT w.customer_no AS "customerNo", w.meter_no AS "meterNo",
            max(k.closed_through) AS "closedThrough"
       FROM (SELECT DISTINCT * FROM unnest($2::bigint[], $3::integer[])
               AS w (customer_no, meter_no)) w
       JOIN close_mark k ON k.tenant_id = $1 AND k.customer_no IN (0, w.customer_no)
        AND k.meter_no IN (0, w.meter_no)
      GROUP BY 1, 2`,
    [tenantId, targets.map((t) => t.customerNo), targets.map((t) => t.meterNo)],
  );
  return new Map(rows.map((row) => [`${row.customerNo}/${row.meterNo}`, row.closedThrough]));
}
