import type { Queryable } from '../database/connections.js';
import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import { statementDigest } from '../domain/entry-digest.js';
import type { Micros } from '../domain/instant.js';
import { revisionTotals, valueThrough, type RevisionTotal } from '../usage/amended-value.js';
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
  /** When it was frozen; nothing while it still grows. */
  readonly createdAt: Micros | null;
}

type StoredAmendment = PeriodKey & Amendment;

const STORED = `
  SELECT customer_no AS "customerNo", meter_no AS "meterNo", period_start AS "periodStart", revision,
         trim_scale(value)::text AS value, event_count AS "eventCount", digest,
         created_at AS "createdAt"
    FROM period_amendment
    JOIN unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   USING (customer_no, meter_no, period_start)
   WHERE tenant_id = $1 AND created_at IS NOT NULL
   ORDER BY revision`;

/** @param value What the statement says, or will say. */
export type AmendedPeriod = StatementKey & { readonly value: string };

/** The amendments of each period, in order: those that are frozen, and what is to be the next ones. */
export async function amendmentsOf(
  db: Queryable,
  tenantId: string,
  periods: readonly AmendedPeriod[],
): Promise<Map<string, Amendment[]>> {
  const totals = grouped(await revisionTotals(db, tenantId, periods));
  const amended = periods.filter((period) => totals.has(periodKeyText(period)));
  if (amended.length === 0) return new Map();
  const stored = grouped(
    await db.query<StoredAmendment>(STORED, [tenantId, ...periodKeyArrays(amended)]),
  );
  const amendments = new Map<string, Amendment[]>();
  for (const period of amended) {
    const key = periodKeyText(period);
    const known = new Map((stored.get(key) ?? []).map((each) => [each.revision, each]));
    const own: Amendment[] = [];
    for (const total of totals.get(key)!) {
      own.push(
        known.get(total.revision) ??
          (await nextAmendment(
            db,
            tenantId,
            period,
            total,
            own.map(({ value }) => value),
          )),
      );
    }
    amendments.set(key, own);
  }
  return amendments;
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
    createdAt: null,
  };
  if (aggregation === 'sum') return { ...frame, value: quantitySum };
  if (aggregation === 'count') return { ...frame, value: String(eventCount) };
  const through = await valueThrough(db, tenantId, period, revision);
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
