import type { Queryable } from '../database/connections.js';
import { formatInstantMicros } from '../domain/instant.js';
import { UNBILLABLE_REASONS } from '../outbox/hold-reason.js';
import type { InvoicedUsage } from './invoice.store.js';

/** How far the periods that an invoice bills have come. */
export interface InvoiceStanding {
  /** Without a statement yet. */
  readonly unclosed: number;
  /** To be planned. */
  readonly unplanned: number;
  /** Not sent yet, or on their way. */
  readonly unsent: number;
  /** Sent, and whether they arrived is not known. */
  readonly unknown: number;
  /** Something has to be done by somebody. */
  readonly held: number;
}

const STANDING = `
  WITH p AS (
    SELECT DISTINCT p.customer_no, p.meter_no, p.period_start, p.closed_at
      FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[])
             AS u (customer_no, meter_no, period_start, period_end)
      JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = u.customer_no
       AND p.meter_no = u.meter_no AND p.period_start >= u.period_start
       AND p.period_end <= u.period_end),
  w AS (
    SELECT w.status FROM p JOIN push w ON w.tenant_id = $1 AND w.customer_no = p.customer_no
       AND w.meter_no = p.meter_no AND w.period_start = p.period_start AND NOT w.replaced
      JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = w.lane_id AND NOT l.superseded)
  SELECT (SELECT count(*) FROM p WHERE closed_at IS NULL) AS unclosed,
         (SELECT count(*) FROM p JOIN push_work k ON k.tenant_id = $1
             AND k.customer_no = p.customer_no AND k.meter_no = p.meter_no
             AND k.period_start = p.period_start) AS unplanned,
         (SELECT count(*) FROM w WHERE status IN ('pending', 'sending')) AS unsent,
         (SELECT count(*) FROM w WHERE status IN ('unknown', 'disputed')) AS unknown,
         (SELECT count(*) FROM w WHERE status = 'rejected')
         + (SELECT count(*) FROM p JOIN push_hold h ON h.tenant_id = $1
               AND h.customer_no = p.customer_no AND h.meter_no = p.meter_no
               AND h.period_start = p.period_start
               AND h.reason <> 'too_old' AND h.reason <> ALL ($6::text[])) AS held`;

export async function invoiceStanding(
  db: Queryable,
  tenantId: string,
  usage: readonly InvoicedUsage[],
): Promise<InvoiceStanding> {
  const [standing] = await db.query<InvoiceStanding>(STANDING, [
    tenantId,
    usage.map(({ customerNo }) => customerNo),
    usage.map(({ meterNo }) => meterNo),
    usage.map(({ start }) => formatInstantMicros(start)),
    usage.map(({ end }) => formatInstantMicros(end)),
    UNBILLABLE_REASONS,
  ]);
  return standing!;
}
