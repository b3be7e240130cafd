import { randomUUID } from 'node:crypto';
import type { Transaction } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import { ERASED_STRIPE_ID } from '../outbox/erased-place.js';
import type { ReconciliationCause, ReconciliationScope } from './reconciliation.store.js';

/** Stripe takes no usage that is older, so nothing there changes any more. */
const CHANGING = `interval '35 days'`;

/** Lanes of open periods that one turn of the sampled check looks at: reads are counted by the month. */
const SAMPLE = 20;

const INSERT = `
  INSERT INTO reconciliation (tenant_id, reconciliation_id, cause, slot, customer_no, meter_no,
                              period_start, lanes)
  VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
  ON CONFLICT (tenant_id, cause, slot) DO NOTHING
  RETURNING reconciliation_id`;

/** A period that is gone ends where the last push to it lies. */
const LANES = `
  SELECT l.lane_id, coalesce(b.period_end, last.at) AS period_end, b.closed_at
    FROM push_lane l
    LEFT JOIN billing_period b ON b.tenant_id = $1 AND b.customer_no = l.customer_no
     AND b.meter_no = l.meter_no AND b.period_start = l.period_start
   CROSS JOIN LATERAL (
         SELECT date_bin('1 hour', max(p."timestamp"), TIMESTAMPTZ 'epoch') + interval '1 hour' AS at
           FROM push p
          WHERE p.tenant_id = $1 AND p.customer_no = l.customer_no AND p.meter_no = l.meter_no
            AND p.period_start = l.period_start AND p.lane_id = l.lane_id
            AND p.status <> 'shadow') last
   WHERE l.tenant_id = $1 AND last.at IS NOT NULL
     AND l.stripe_customer_id !~ ${ERASED_STRIPE_ID}`;

const NOW = `
  (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
     FROM tenant t WHERE t.tenant_id = $1)`;

const FILL = `
  WITH chosen AS MATERIALIZED (%)
  INSERT INTO reconciliation_lane (tenant_id, reconciliation_id, lane_no, lane_id, period_end)
  SELECT $1, $2, row_number() OVER (ORDER BY c.lane_id), c.lane_id, c.period_end FROM chosen c
  RETURNING lane_no`;

const REQUESTED = `
  ${LANES} AND ($3::bigint IS NULL OR l.customer_no = $3) AND ($4::integer IS NULL OR l.meter_no = $4)
     AND ($5::timestamptz IS NULL OR l.period_start = $5)
     AND ($5::timestamptz IS NOT NULL OR coalesce(b.period_end, last.at) > ${NOW} - ${CHANGING})`;

/** Closed, all of it settled for a while, and not found to match since. */
const CLOSED = `
  ${LANES} AND b.closed_at IS NOT NULL AND b.period_end > ${NOW} - ${CHANGING}
     AND NOT EXISTS (SELECT FROM push_work w
                      WHERE w.tenant_id = $1 AND w.customer_no = l.customer_no
                        AND w.meter_no = l.meter_no AND w.period_start = l.period_start)
     AND NOT EXISTS (SELECT FROM push p
                      WHERE p.tenant_id = $1 AND p.customer_no = l.customer_no
                        AND p.meter_no = l.meter_no AND p.period_start = l.period_start
                        AND (p.status IN ('pending', 'sending')
                             OR p.last_attempt_at > clock_timestamp() - $3 * interval '1 second'))
     AND NOT EXISTS (SELECT FROM reconciliation_lane r
                      WHERE r.tenant_id = $1 AND r.lane_id = l.lane_id
                        AND (r.verdict IS NULL OR r.read_at > b.closed_at
                             AND (r.verdict <> 'lagging' OR r.read_at > clock_timestamp() - interval '1 hour')))
   LIMIT 10000`;

const SAMPLED = `${LANES} AND b.closed_at IS NULL ORDER BY random() LIMIT ${SAMPLE}`;

/** Begins a reconciliation of the lanes asked for. @returns Its id. */
export async function requestReconciliation(
  tx: Transaction,
  tenantId: string,
  scope: ReconciliationScope,
): Promise<string> {
  const id = randomUUID();
  await insert(tx, tenantId, id, 'request', null, scope);
  const { customerNo, meterNo, periodStart } = scope;
  const start = periodStart === null ? null : formatInstantMicros(periodStart);
  await fill(tx, tenantId, id, REQUESTED, [customerNo, meterNo, start]);
  return id;
}

/**
 * Begins the check that a turn of the clock asks for, of closed periods that have not been held
 * against Stripe, or of some open ones.
 *
 * @returns Nothing where another process was faster, or nothing is to be checked.
 */
export async function scheduleReconciliation(
  tx: Transaction,
  tenantId: string,
  cause: 'close' | 'sample',
  slot: number,
  stableSeconds: number,
): Promise<string | undefined> {
  const id = randomUUID();
  const scope = { customerNo: null, meterNo: null, periodStart: null };
  if (!(await insert(tx, tenantId, id, cause, slot, scope))) return undefined;
  const lanes =
    cause === 'close'
      ? await fill(tx, tenantId, id, CLOSED, [stableSeconds])
      : await fill(tx, tenantId, id, SAMPLED, []);
  if (lanes > 0) return id;
  // A turn without work leaves no trace.
  await tx.query('DELETE FROM reconciliation WHERE tenant_id = $1 AND reconciliation_id = $2', [
    tenantId,
    id,
  ]);
  return undefined;
}

async function insert(
  tx: Transaction,
  tenantId: string,
  id: string,
  cause: ReconciliationCause,
  slot: number | null,
  { customerNo, meterNo, periodStart }: ReconciliationScope,
): Promise<boolean> {
  const start = periodStart === null ? null : formatInstantMicros(periodStart);
  const rows = await tx.query(INSERT, [tenantId, id, cause, slot, customerNo, meterNo, start]);
  return rows.length > 0;
}

async function fill(
  tx: Transaction,
  tenantId: string,
  id: string,
  lanes: string,
  parameters: readonly unknown[],
): Promise<number> {
  const rows = await tx.query(
    FILL.replace('%', () => lanes),
    [tenantId, id, ...parameters],
  );
  await tx.query(
    'UPDATE reconciliation SET lanes = $3 WHERE tenant_id = $1 AND reconciliation_id = $2',
    [tenantId, id, rows.length],
  );
  return rows.length;
}
