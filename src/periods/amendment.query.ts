import type { Queryable } from '../database/connections.js';
import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import { statementDigest } from '../domain/entry-digest.js';
import type { Micros } from '../domain/instant.js';
import { revisionTotals, valueThrough, type RevisionTotal } from '../usage/amended-value.js';
import { carriedValues } from '../usage/carried-last.js';
import { periodKeyArrays, periodKeyText, type PeriodKey } from '../usage/period-values.js';
import type { StatementKey } from '../usage/statement-values.js';

/** What came to a closed period, or was taken out of it, after its statement. */
export interface Amendment {
  /** Counted from 1 for each statement. */
  readonly revision: number;
  /** What the period's value changes by. */
  readonly value: string;
  /** Events that came, less those that were voided. */
  readonly eventCount: number;
  readonly digest: Buffer;
  /** What it is made with: what the period begins with, of a `last` meter with carry_last. */
  readonly carriedLast: string | null;
  /** When it was frozen; nothing while it still grows. */
  readonly createdAt: Micros | null;
}

type StoredAmendment = PeriodKey & Amendment;

const STORED = `
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart", revision,
         trim_scale(value)::text AS value, event_count AS "eventCount", digest,
         trim_scale(carried_last)::text AS "carriedLast", created_at AS "createdAt"
    FROM period_amendment
    JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   USING (customer_no, meter_no, period_start)
   WHERE tenant_id = $1 AND created_at IS NOT NULL
   ORDER BY revision`;

export type AmendedPeriod = Omit<StatementKey, 'carriedLast'> & {
  /** What the statement says, or will say. */
  readonly value: string;
  /** A revision that is to be told though nothing may have come to it. */
  readonly sealed?: number;
};

/** The amendments of each period, in order: those that are frozen, and what is to be the next ones. */
export async function amendmentsOf(
  db: Queryable,
  tenantId: string,
  periods: readonly AmendedPeriod[],
): Promise<Map<string, Amendment[]>> {
  const totals = grouped(await revisionTotals(db, tenantId, periods));
  const stored = grouped(
    periods.length === 0
      ? []
      : await db.query<StoredAmendment>(STORED, [tenantId, ...periodKeyArrays(periods)]),
  );
  const amendments = new Map<string, Amendment[]>();
  for (const period of periods) {
    const key = periodKeyText(period);
    const known = new Map((stored.get(key) ?? []).map((each) => [each.revision, each]));
    const own: Amendment[] = [];
    for (const total of revisionsOf(period, totals.get(key) ?? [], [...known.keys()])) {
      const before = own.map(({ value }) => value);
      own.push(
        known.get(total.revision) ?? (await nextAmendment(db, tenantId, period, total, before)),
      );
    }
    if (own.length > 0) amendments.set(key, own);
  }
  return amendments;
}

/** Those that hold anything, and those that do not: an amendment may come from the period before. */
function revisionsOf(
  { sealed, ...key }: AmendedPeriod,
  totals: readonly RevisionTotal[],
  known: readonly number[],
): RevisionTotal[] {
  const held = new Set(totals.map(({ revision }) => revision));
  const empty = [...known, ...(sealed === undefined ? [] : [sealed])].filter(
    (revision) => !held.has(revision),
  );
  const nothing = { eventCount: 0, quantitySum: '0', digestSum: '0' };
  return [
    ...totals,
    ...[...new Set(empty)].map((revision) => ({ ...key, revision, ...nothing })),
  ].sort((a, b) => a.revision - b.revision);
}

/** What a revision comes to that is not frozen. @param before The values of those before it. */
async function nextAmendment(
  db: Queryable,
  tenantId: string,
  period: AmendedPeriod,
  { revision, eventCount, quantitySum, digestSum }: RevisionTotal,
  before: readonly string[],
): Promise<Amendment> {
  const { aggregation } = period;
  const frame = {
    revision,
    eventCount,
    digest: statementDigest(eventCount, BigInt(digestSum)),
    carriedLast: aggregation === 'last' ? (await carriedValues(db, tenantId, [period]))[0]! : null,
    createdAt: null,
  };
  if (aggregation === 'sum') return { ...frame, value: quantitySum };
  if (aggregation === 'count') return { ...frame, value: String(eventCount) };
  const { carriedLast } = frame;
  const through = await valueThrough(db, tenantId, { ...period, carriedLast }, revision);
  return { ...frame, value: difference(through, sumOf([period.value, ...before])) };
}

function grouped<Row extends PeriodKey>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = periodKeyText(row);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}
