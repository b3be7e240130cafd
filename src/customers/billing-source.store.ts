import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import {
  withSegment,
  type BillingSource,
  type PeriodSource,
  type SourceSegment,
} from '../domain/period-source.js';
import { timelinesOf } from './customer-timelines.js';
import { itemsOf } from './item-period.store.js';

/** One customer and one meter. */
export interface CustomerMeter {
  readonly customerNo: number;
  readonly meterNo: number;
}

/** Where the periods of some customers come from, for those of their meters that were ever asked for. */
export type PeriodSources = ReadonlyMap<number, ReadonlyMap<number, PeriodSource>>;

/** By customer and meter; whatever is missing has the customer's schedule. */
export async function periodSourcesOf(
  db: Queryable,
  tenantId: string,
  customerNos: readonly number[],
): Promise<PeriodSources> {
  if (customerNos.length === 0) return new Map();
  const versions = await sourceVersions(db, tenantId, customerNos);
  if (versions.length === 0) return new Map();
  const sourced = [...new Set(versions.map(({ customerNo }) => customerNo))];
  const timelines = await timelinesOf(db, tenantId, sourced);
  const items = await itemsOf(db, tenantId, sourced);
  const sources = new Map<number, Map<number, PeriodSource>>();
  for (const { customerNo, meterNo, source, effectiveFrom } of versions) {
    const ofCustomer = sources.get(customerNo) ?? new Map<number, PeriodSource>();
    const segments = ofCustomer.get(meterNo)?.segments ?? [];
    const from = effectiveFrom === 0 ? -Infinity : effectiveFrom;
    ofCustomer.set(meterNo, {
      schedule: timelines.get(customerNo)!,
      segments: withSegment(segments, { source, effectiveFrom: from }),
      items: items.get(customerNo)?.get(meterNo) ?? [],
    });
    sources.set(customerNo, ofCustomer);
  }
  return sources;
}

/** The source of one customer and meter, as if it had been asked for where it never was. */
export async function periodSourceOf(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo }: CustomerMeter,
): Promise<PeriodSource> {
  const sources = await periodSourcesOf(db, tenantId, [customerNo]);
  const found = sources.get(customerNo)?.get(meterNo);
  if (found !== undefined) return found;
  const timelines = await timelinesOf(db, tenantId, [customerNo]);
  const items = await itemsOf(db, tenantId, [customerNo]);
  return {
    schedule: timelines.get(customerNo)!,
    segments: [],
    items: items.get(customerNo)?.get(meterNo) ?? [],
  };
}

/** Appends a version. Only behind the closed gate. */
export async function appendSource(
  tx: Transaction,
  tenantId: string,
  { customerNo, meterNo }: CustomerMeter,
  { source, effectiveFrom }: SourceSegment,
): Promise<void> {
  await tx.query(
    `INSERT INTO billing_source (tenant_id, customer_no, meter_no, version, source, effective_from)
     SELECT $1, $2, $3, 1 + count(*), $4, $5::timestamptz
       FROM billing_source WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3
     RETURNING 1`,
    [
      tenantId,
      customerNo,
      meterNo,
      source,
      formatInstantMicros(effectiveFrom === -Infinity ? 0 : effectiveFrom),
    ],
  );
}

/** What has become of the usage of one customer in one meter. */
export interface SourceFacts {
  readonly hasClosedPeriod: boolean;
  readonly hasDelivery: boolean;
  readonly lastPeriodEnd: Micros | null;
}

export async function sourceFactsOf(
  tx: Transaction,
  tenantId: string,
  { customerNo, meterNo }: CustomerMeter,
): Promise<SourceFacts> {
  const [facts] = await tx.query<SourceFacts>(SOURCE_FACTS, [tenantId, customerNo, meterNo]);
  return facts!;
}

interface SourceVersion extends CustomerMeter {
  readonly source: BillingSource;
  readonly effectiveFrom: Micros;
}

async function sourceVersions(
  db: Queryable,
  tenantId: string,
  customerNos: readonly number[],
): Promise<SourceVersion[]> {
  return db.query<SourceVersion>(
    `SELECT customer_no AS "customerNo", meter_no AS "meterNo", source,
            effective_from AS "effectiveFrom"
       FROM billing_source
      WHERE tenant_id = $1 AND customer_no = ANY ($2::bigint[])
      ORDER BY customer_no, meter_no, version`,
    [tenantId, customerNos],
  );
}

/** A period that a mark has passed counts as closed before its statement is written. */
const SOURCE_FACTS = `
  SELECT EXISTS (SELECT FROM billing_period b
                   JOIN tenant t ON t.tenant_id = $1
                  WHERE b.tenant_id = $1 AND b.customer_no = $2 AND b.meter_no = $3
                    AND (b.closed_at IS NOT NULL OR b.period_end <= t.closed_through
                         OR (NOT b.backfilled AND NOT b.of_item
                             AND b.period_end <= t.clock_closed_through)
                         OR EXISTS (SELECT FROM close_mark m
                                     WHERE m.tenant_id = $1 AND m.customer_no IN (0, $2)
                                       AND m.meter_no IN (0, $3)
                                       AND m.closed_through >= b.period_end))) AS "hasClosedPeriod",
         EXISTS (SELECT FROM push p
                  WHERE p.tenant_id = $1 AND p.customer_no = $2 AND p.meter_no = $3
                    AND p.status IN ('sending', 'unknown', 'delivered', 'confirmed', 'disputed'))
           AS "hasDelivery",
         (SELECT max(b.period_end) FROM billing_period b
           WHERE b.tenant_id = $1 AND b.customer_no = $2 AND b.meter_no = $3) AS "lastPeriodEnd"`;
